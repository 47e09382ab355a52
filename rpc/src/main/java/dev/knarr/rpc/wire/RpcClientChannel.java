// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.wire;

import static dev.knarr.rpc.ProtocolFault.FRAME_SIZE;
import static dev.knarr.rpc.ProtocolFault.HELLO_EXPECTED;
import static dev.knarr.rpc.ProtocolFault.TRUNCATED;
import static dev.knarr.rpc.ProtocolFault.UNEXPECTED_RESPONSE;
import static dev.knarr.rpc.ProtocolFault.VERSION_MISMATCH;

import dev.knarr.rpc.Capabilities;
import dev.knarr.rpc.ProtocolEdition;
import dev.knarr.rpc.ProtocolVersion;
import dev.knarr.rpc.RouteRequest;
import dev.knarr.rpc.RpcCommand;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.Varint;
import dev.knarr.rpc.transport.TlsChannel;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ByteChannel;
import org.jspecify.annotations.Nullable;

/**
 * The client's side of a connection: sends requests, receives their answers in order. One thread
 * sends and one, the same or another, receives; with two, the sending one must {@link #flush} what
 * the other waits for.
 *
 * <p>After any {@link RpcProtocolException} or {@link IOException} the stream has no defined place
 * any more: close the channel.
 */
public final class RpcClientChannel extends RpcChannel {
  private static final int MAX_NOTICE_BYTES = 64;

  private final ResponseTracker tracker;
  private final ByteBuffer scratch =
      ByteBuffer.allocate(RouteRequest.MAX_HEAD_BYTES).order(ByteOrder.LITTLE_ENDIAN);
  private volatile boolean routed;
  private long dataOwed;
  private long dataRemaining;

  private RpcClientChannel(ByteChannel channel, WireLimits limits, FrameMeter meter) {
    super(channel, limits, meter);
    this.tracker = new ResponseTracker(limits);
  }

  /** Takes over a connected channel in blocking mode; {@link #hello()} must come first. */
  public static RpcClientChannel over(ByteChannel channel, WireLimits limits, FrameMeter meter) {
    return new RpcClientChannel(channel, limits, meter);
  }

  /**
   * Greets the server and checks its version.
   *
   * @return the server's version
   * @throws RpcProtocolException VERSION_MISMATCH when it does not fit, naming both versions and
   *     the remedy; TRUNCATED when the server closed without an answer
   */
  public ProtocolVersion hello() throws IOException {
    return hello(Capabilities.NONE).version();
  }

  /** As {@link #hello()}, with capabilities of both sides. */
  public RpcResponse.HelloAccepted hello(Capabilities capabilities) throws IOException {
    send(new RpcRequest.Hello(capabilities));
    flush();
    readLock.lock();
    try {
      if (fill(2)) {
        requireNoAlert();
      } else {
        throw new RpcProtocolException(
            TRUNCATED,
            "%s closed the connection without an answer to HELLO: it is no RPC server, or one older than protocol 4.0, and this side speaks %s. Check the address, or update llama.cpp on that machine"
                .formatted(peer(), ProtocolEdition.CURRENT.version()));
      }
      requireHelloSize();
    } finally {
      readLock.unlock();
    }
    var accepted = receive(RpcResponse.HelloAccepted.class);
    requireFitting(accepted.version());
    return accepted;
  }

  /**
   * From the next message on, both directions have the framing of the router protocol, and its
   * commands. Right after HELLO only.
   */
  public void speakToWorker() {
    routed = true;
  }

  /** Our workers with TLS answer a plain HELLO by an alert. */
  private void requireNoAlert() throws IOException {
    ByteBuffer in = require(2);
    if (TlsChannel.isAlert(in.get(in.position()), in.get(in.position() + 1))) {
      throw new RpcProtocolException(
          HELLO_EXPECTED,
          "%s speaks TLS and this side does not: give the CA of its certificate with --tls-ca"
              .formatted(peer()));
    }
  }

  /** An answer of another length may still say a version, which is worth more than its length. */
  private void requireHelloSize() throws IOException {
    ByteBuffer in = require(RpcCommand.RESPONSE_FRAMING_BYTES);
    int at = in.position();
    long bytes = in.getLong(at);
    if (bytes >= 3 && bytes <= 1024 && bytes != RpcCommand.HELLO.responseBytes()) {
      in = require(RpcCommand.RESPONSE_FRAMING_BYTES + 3);
      at = in.position() + RpcCommand.RESPONSE_FRAMING_BYTES;
      requireFitting(
          new ProtocolVersion(in.get(at) & 0xff, in.get(at + 1) & 0xff, in.get(at + 2) & 0xff));
    }
  }

  private void requireFitting(ProtocolVersion server) {
    ProtocolVersion ours = ProtocolEdition.CURRENT.version();
    if (!ours.accepts(server)) {
      throw new RpcProtocolException(
          VERSION_MISMATCH, ProtocolEdition.mismatch("Server " + peer(), server, ours));
    }
  }

  /** Puts a request into the buffer. Data that it announces must follow by {@link #sendData}. */
  public void send(RpcRequest request) throws IOException {
    writeLock.lock();
    try {
      if (dataOwed != 0) {
        throw new IllegalStateException(
            "Data of the last request has not been sent: %d bytes".formatted(dataOwed));
      }
      RpcCommand command = request.command();
      tracker.expect(command, request.responseBytes());
      long bytes =
          request instanceof RouteRequest route ? putRouted(route) : putPublic(request, command);
      switch (request) {
        case RouteRequest route -> dataOwed = route.dataBytes();
        case RpcRequest.SetTensor set -> dataOwed = set.dataBytes();
        case RpcRequest.SetTensor2d set -> dataOwed = set.dataBytes();
        case RpcRequest.GraphCompute compute -> writeFully(compute.graph().encoded());
        default -> {}
      }
      meter.frame(command, Direction.REQUEST, requestFraming(routed, bytes) + bytes);
    } finally {
      writeLock.unlock();
    }
  }

  private long putPublic(RpcRequest request, RpcCommand command) throws IOException {
    long bytes = request.payloadBytes();
    ByteBuffer out = room(RpcCommand.REQUEST_FRAMING_BYTES + (int) command.requestBytes());
    begin(out, command, bytes);
    request.encode(out);
    return bytes;
  }

  /** How long the fields are is known once they are encoded. */
  private long putRouted(RouteRequest request) throws IOException {
    scratch.clear();
    request.encode(scratch);
    scratch.flip();
    long bytes = scratch.remaining() + request.dataBytes();
    ByteBuffer out = room(1 + Varint.MAX_BYTES + scratch.remaining());
    begin(out, request.command(), bytes);
    out.put(scratch);
    return bytes;
  }

  private void begin(ByteBuffer out, RpcCommand command, long bytes) {
    out.put((byte) command.code());
    if (routed) {
      Varint.put(out, bytes);
    } else {
      out.putLong(bytes);
    }
  }

  /** Writes the rest of the buffer as data of the request sent last. */
  public void sendData(ByteBuffer source) throws IOException {
    writeLock.lock();
    try {
      int bytes = source.remaining();
      requireAtMost(bytes, dataOwed);
      dataOwed -= bytes;
      writeFully(source);
    } finally {
      writeLock.unlock();
    }
  }

  /** Sends everything that is buffered. */
  public void flush() throws IOException {
    writeLock.lock();
    try {
      writeBuffered();
    } finally {
      writeLock.unlock();
    }
  }

  /**
   * Waits for the oldest answer that is due, after sending what is buffered. After a {@link
   * RpcResponse.TensorData} its bytes must be received before the next call.
   *
   * @throws IllegalStateException when no answer is due, or one of another kind
   * @throws RpcProtocolException when the answer does not have the length it must have
   */
  public <R extends RpcResponse> R receive(Class<R> type) throws IOException {
    flushUnlessBusy();
    readLock.lock();
    try {
      if (dataRemaining != 0) {
        throw new IllegalStateException(
            "Data of the last answer has not been received: %d bytes".formatted(dataRemaining));
      }
      ResponseTracker.Expected expected = tracker.poll();
      if (expected == null) {
        throw new IllegalStateException("No answer is due: no request asked for one");
      }
      return type.cast(readResponse(expected));
    } catch (ClassCastException e) {
      throw new IllegalStateException("The answer that is due is no " + type.getSimpleName(), e);
    } finally {
      readLock.unlock();
    }
  }

  /**
   * The sending thread may be blocked by a server that is itself blocked by an answer nobody reads;
   * waiting for that thread here would hold all three for ever.
   */
  private void flushUnlessBusy() throws IOException {
    if (writeLock.tryLock()) {
      try {
        writeBuffered();
      } finally {
        writeLock.unlock();
      }
    }
  }

  /**
   * What a server says.
   *
   * @param command that it answers, or the notice that it is
   */
  public record Reply(RpcCommand command, RpcResponse response) {}

  /**
   * Waits for whatever the server says next, without sending anything. After a {@link
   * RpcResponse.TensorData} its bytes must be received before the next call.
   *
   * @return null when the server closed the connection between two messages
   * @throws RpcProtocolException when nothing was asked for, or the answer is not of the length or
   *     kind that it must have
   */
  public @Nullable Reply next() throws IOException {
    readLock.lock();
    try {
      if (!fill(1)) {
        return null;
      }
      RpcCommand notice = routed ? peekNotice() : null;
      if (notice != null) {
        return new Reply(notice, readNotice(notice));
      }
      ResponseTracker.Expected expected = tracker.poll();
      if (expected == null) {
        throw new RpcProtocolException(
            UNEXPECTED_RESPONSE, peer() + " answers what nobody has asked for");
      }
      return new Reply(expected.command(), readResponse(expected));
    } finally {
      readLock.unlock();
    }
  }

  private @Nullable RpcCommand peekNotice() throws IOException {
    ByteBuffer in = require(1);
    RpcCommand command = RpcCommand.ofCode(in.get(in.position()) & 0xff).orElse(null);
    return command != null && command.notice() ? command : null;
  }

  private RpcResponse readNotice(RpcCommand notice) throws IOException {
    require(1).get();
    long bytes = requireVarint();
    if (bytes < 0 || bytes > MAX_NOTICE_BYTES) {
      throw new RpcProtocolException(
          FRAME_SIZE, "%s announces %s bytes".formatted(notice, Long.toUnsignedString(bytes)));
    }
    ByteBuffer in = require((int) bytes);
    RpcResponse response = RpcResponse.decode(notice, slice(in, (int) bytes), bytes);
    in.position(in.position() + (int) bytes);
    meter.frame(notice, Direction.RESPONSE, responseFraming(true, bytes) + bytes);
    return response;
  }

  private static ByteBuffer slice(ByteBuffer in, int bytes) {
    return in.slice(in.position(), bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private void requireCode(RpcCommand expected) throws IOException {
    int code = require(1).get() & 0xff;
    if (code != expected.code()) {
      throw new RpcProtocolException(
          UNEXPECTED_RESPONSE,
          "an answer to command %d where one to %s is due".formatted(code, expected));
    }
  }

  private RpcResponse readResponse(ResponseTracker.Expected expected) throws IOException {
    RpcCommand command = expected.command();
    try {
      if (routed) {
        requireCode(command);
      }
      long bytes = routed ? requireVarint() : require(RpcCommand.RESPONSE_FRAMING_BYTES).getLong();
      FrameRules.response(expected, bytes);
      boolean streamed = command.variableResponse();
      RpcResponse response =
          RpcResponse.decode(command, require(streamed ? 0 : (int) bytes), bytes);
      dataRemaining = streamed ? bytes : 0;
      meter.frame(command, Direction.RESPONSE, responseFraming(routed, bytes) + bytes);
      return response;
    } catch (RpcProtocolException e) {
      throw e.at("Answer to " + command + " from " + peer());
    }
  }

  /** Bytes of data of the last answer that have not been received. */
  public long dataRemaining() {
    return dataRemaining;
  }

  /** Fills the rest of the buffer with data of the last answer. */
  public void receiveData(ByteBuffer destination) throws IOException {
    readLock.lock();
    try {
      int bytes = destination.remaining();
      requireAtMost(bytes, dataRemaining);
      dataRemaining -= bytes;
      readFully(destination);
    } finally {
      readLock.unlock();
    }
  }

  private static void requireAtMost(int bytes, long open) {
    if (bytes > open) {
      throw new IllegalArgumentException(
          "%d bytes of data asked for, %d are open".formatted(bytes, open));
    }
  }
}
