// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.RpcRequest.CommInit;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorType;
import dev.knarr.worker.graph.TensorPlace;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * The link between two workers that hold halves of every tensor. The bytes on it have no framing:
 * rank 0 sends first and then receives, rank 1 the other way round; tensors of 32 768 elements and
 * more travel as BF16 (section 14.3 of the protocol). The connection's thread only.
 */
final class Communicator implements AutoCloseable {
  private static final int CAPABILITY_BYTES = 24;
  private static final int BF16_FROM_ELEMENTS = 32_768;
  private static final long RETRY_MILLIS = 50;

  /**
   * Three copies of a tensor are on the heap at once. The sum of a batch of 512 tokens with rows of
   * 16,384 numbers has 32 MiB.
   */
  private static final int MAX_BYTES = 128 << 20;

  /** A peer that computes takes its time, but a dead one must not keep the client for ever. */
  private static final int READ_TIMEOUT_MILLIS = 600_000;

  private final Socket link;
  private final int rank;

  private Communicator(Socket link, int rank) {
    this.link = link;
    this.rank = rank;
  }

  static Communicator join(CommInit request, Communicators settings) throws IOException {
    if (request.port() < 1 || request.port() > 65_535) {
      throw new IOException("port " + request.port() + " does not exist");
    }
    var link = request.rank() == 0 ? accept(request, settings) : connect(request, settings);
    try {
      link.setTcpNoDelay(true);
      link.setSoTimeout((int) settings.joinTimeout().toMillis());
      // Rank 0 receives the other's capabilities first; all zero means plain TCP.
      if (request.rank() == 0) {
        read(link, new byte[CAPABILITY_BYTES]);
        link.getOutputStream().write(new byte[CAPABILITY_BYTES]);
      } else {
        link.getOutputStream().write(new byte[CAPABILITY_BYTES]);
        read(link, new byte[CAPABILITY_BYTES]);
      }
      link.setSoTimeout(READ_TIMEOUT_MILLIS);
      return new Communicator(link, request.rank());
    } catch (IOException e) {
      link.close();
      throw e;
    }
  }

  private static Socket accept(CommInit request, Communicators settings) throws IOException {
    try (var listener = new ServerSocket()) {
      listener.setReuseAddress(true);
      listener.bind(new InetSocketAddress(settings.listenAddress(), request.port()), 1);
      listener.setSoTimeout((int) settings.joinTimeout().toMillis());
      return listener.accept();
    } catch (SocketTimeoutException e) {
      throw new IOException("rank 1 did not connect within " + settings.joinTimeout(), e);
    }
  }

  private static Socket connect(CommInit request, Communicators settings) throws IOException {
    long deadline = System.nanoTime() + settings.joinTimeout().toNanos();
    while (true) {
      var address = new InetSocketAddress(request.host(), request.port());
      if (address.isUnresolved()) {
        // Without the name, which is the client's and would go into the log.
        throw new IOException("rank 0's host has no address");
      }
      var link = new Socket();
      try {
        link.connect(address, (int) settings.joinTimeout().toMillis());
        return link;
      } catch (IOException e) {
        link.close();
        if (System.nanoTime() > deadline) {
          throw e;
        }
        // Rank 0 may not listen yet: both are asked at the same time.
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(RETRY_MILLIS));
      }
    }
  }

  void allreduce(RpcTensor tensor, TensorPlace place) throws IOException {
    if (tensor.type() != TensorType.F32.code() || !contiguous(tensor)) {
      throw new RpcProtocolException(
          ProtocolFault.BAD_SHAPE,
          "a reduction of %s, which is not contiguous F32".formatted(tensor.printableName()));
    }
    if (place.bytes() == 0) {
      return;
    }
    if (place.bytes() > MAX_BYTES) {
      throw new RpcProtocolException(
          ProtocolFault.FRAME_TOO_LARGE,
          "a reduction of %s with %d bytes, over the limit of %d: use a smaller --ubatch-size"
              .formatted(tensor.printableName(), place.bytes(), MAX_BYTES));
    }
    var own = ByteBuffer.allocateDirect((int) place.bytes()).order(ByteOrder.LITTLE_ENDIAN);
    place.buffer().read(place.offset(), own.duplicate());
    byte[] outgoing = encode(own);
    byte[] incoming = new byte[outgoing.length];
    if (rank == 0) {
      link.getOutputStream().write(outgoing);
      read(link, incoming);
    } else {
      read(link, incoming);
      link.getOutputStream().write(outgoing);
    }
    add(own, ByteBuffer.wrap(incoming).order(ByteOrder.LITTLE_ENDIAN));
    place.buffer().write(place.offset(), own.clear());
  }

  /** As {@code ggml_is_contiguous}: the stride of a dimension of one element does not count. */
  private static boolean contiguous(RpcTensor tensor) {
    long next = Float.BYTES;
    for (int i = 0; i < 4; i++) {
      if (tensor.ne(i) == 0) {
        return true;
      }
      if (tensor.ne(i) != 1) {
        if (tensor.nb(i) != next) {
          return false;
        }
        // No overflow: strides of the wire are below 2^32, so next was, and so is the extent.
        next *= tensor.ne(i);
      }
    }
    return true;
  }

  private static byte[] encode(ByteBuffer values) {
    int elements = values.capacity() / Float.BYTES;
    if (elements < BF16_FROM_ELEMENTS) {
      byte[] plain = new byte[values.capacity()];
      values.get(0, plain);
      return plain;
    }
    var halves = ByteBuffer.allocate(elements * Short.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < elements; i++) {
      halves.putShort(i * Short.BYTES, toBf16(values.getInt(i * Float.BYTES)));
    }
    return halves.array();
  }

  /** Rounds to the nearest, ties to even; a NaN stays one. */
  private static short toBf16(int bits) {
    if ((bits & 0x7fffffff) > 0x7f800000) {
      return (short) ((bits >>> 16) | 64);
    }
    return (short) ((bits + (0x7fff + ((bits >>> 16) & 1))) >>> 16);
  }

  private static void add(ByteBuffer own, ByteBuffer theirs) {
    int elements = own.capacity() / Float.BYTES;
    boolean halves = theirs.capacity() < own.capacity();
    for (int i = 0; i < elements; i++) {
      float value =
          halves
              ? Float.intBitsToFloat(theirs.getShort(i * Short.BYTES) << 16)
              : theirs.getFloat(i * Float.BYTES);
      own.putFloat(i * Float.BYTES, own.getFloat(i * Float.BYTES) + value);
    }
  }

  private static void read(Socket link, byte[] into) throws IOException {
    if (link.getInputStream().readNBytes(into, 0, into.length) < into.length) {
      throw new EOFException("the other worker closed the link");
    }
  }

  @Override
  public void close() {
    try {
      link.close();
    } catch (IOException e) {
      // Nothing is left to be done with it.
    }
  }
}
