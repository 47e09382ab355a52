// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadException;
import dev.knarr.head.api.HeadReason;
import dev.knarr.head.supervise.WorkerProof.DeviceProof;
import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.ProtocolVersion;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.transport.TlsException;
import dev.knarr.rpc.transport.TlsFault;
import dev.knarr.rpc.transport.Transport;
import dev.knarr.rpc.wire.FrameMeter;
import dev.knarr.rpc.wire.RpcClientChannel;
import dev.knarr.rpc.wire.WireLimits;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.net.StandardSocketOptions;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * Proves one worker, on a connection of its own that ends with the proof: stock workers serve one
 * connection at a time. Any thread.
 */
final class WorkerProver {

  private static final Duration CONNECT_LIMIT = Duration.ofSeconds(10);
  private static final int ROUND_TRIPS = 5;

  private final HeadConfig.Worker worker;
  private final Transport transport;
  private final FrameMeter meter;

  WorkerProver(HeadConfig.Worker worker, Transport transport, FrameMeter meter) {
    this.worker = worker;
    this.transport = transport;
    this.meter = meter;
  }

  /**
   * Tries once.
   *
   * @param limit how long the worker may take to answer; a busy stock worker answers when it has
   *     finished with the client before
   * @throws IOException when it does not answer, which may change
   * @throws HeadException when it answers what no usable worker answers
   */
  WorkerProof prove(Duration limit) throws IOException {
    AtomicBoolean late = new AtomicBoolean();
    try (SocketChannel socket = SocketChannel.open()) {
      CompletableFuture<Void> alarm =
          CompletableFuture.runAsync(
              () -> abort(socket, late),
              CompletableFuture.delayedExecutor(limit.toMillis(), TimeUnit.MILLISECONDS));
      try {
        int connectMillis = (int) Math.min(limit.toMillis(), CONNECT_LIMIT.toMillis());
        socket.socket().connect(new InetSocketAddress(worker.host(), worker.port()), connectMillis);
        socket.setOption(StandardSocketOptions.TCP_NODELAY, true);
        // Until it is served a connection ends by a reset: a stock worker that finds HELLO from a
        // client that has gone with a normal close is killed by its own answer.
        socket.setOption(StandardSocketOptions.SO_LINGER, 0);
        return converse(socket);
      } catch (AsynchronousCloseException e) {
        throw late.get() ? tooLate(limit) : e;
      } finally {
        alarm.cancel(false);
      }
    } catch (TlsException e) {
      // One that is just starting, or just ending, may be met half-way.
      if (e.fault() == TlsFault.GONE || e.fault() == TlsFault.TIMEOUT) {
        throw e;
      }
      throw unsuitable("it " + e.getMessage() + ".", e);
    } catch (RpcProtocolException e) {
      if (e.fault() == ProtocolFault.TRUNCATED) {
        throw new IOException(e.getMessage(), e);
      }
      throw unsuitable(e.getMessage() + ".", e);
    }
  }

  private WorkerProof converse(SocketChannel socket) throws IOException {
    try (RpcClientChannel channel =
        RpcClientChannel.over(
            transport.connected(socket, worker.host(), worker.port()),
            WireLimits.defaults(),
            meter)) {
      ProtocolVersion version = channel.hello();
      socket.setOption(StandardSocketOptions.SO_LINGER, -1);
      channel.send(new RpcRequest.DeviceCount());
      int count = channel.receive(RpcResponse.DeviceCounted.class).count();
      if (count < 1) {
        throw unsuitable("it offers no device. Start it with at least one.", null);
      }
      long roundTrip = Long.MAX_VALUE;
      List<DeviceProof> devices = new ArrayList<>();
      for (int device = 0; device < Math.min(count, 1024); device++) {
        for (int i = 0; i < ROUND_TRIPS; i++) {
          long begin = System.nanoTime();
          channel.send(new RpcRequest.GetAlignment(device));
          channel.receive(RpcResponse.Alignment.class);
          roundTrip = Math.min(roundTrip, System.nanoTime() - begin);
        }
        devices.add(proveDevice(channel, device));
      }
      return new WorkerProof(
          worker.name(), version, TimeUnit.NANOSECONDS.toMicros(roundTrip), devices);
    }
  }

  private DeviceProof proveDevice(RpcClientChannel channel, int device) throws IOException {
    String name = worker.name() + "/" + device;
    channel.send(new RpcRequest.GetAlignment(device));
    long alignment = channel.receive(RpcResponse.Alignment.class).bytes();
    if (alignment < 1 || alignment > 1 << 20 || Long.bitCount(alignment) != 1) {
      throw unsuitable(
          "device "
              + name
              + " reports an alignment of "
              + Long.toUnsignedString(alignment)
              + " bytes, which is no power of two up to 1 MiB. Update the worker.",
          null);
    }
    channel.send(new RpcRequest.GetDeviceMemory(device));
    RpcResponse.DeviceMemory memory = channel.receive(RpcResponse.DeviceMemory.class);
    long begin = System.nanoTime();
    new ProbeGraph(channel, device)
        .run(alignment)
        .ifPresent(
            wrong -> {
              throw unsuitable(
                  "device "
                      + name
                      + " "
                      + wrong
                      + ". Check its driver and its memory, or leave it out with --device.",
                  null);
            });
    long probe = TimeUnit.NANOSECONDS.toMicros(System.nanoTime() - begin);
    // Unsigned on the wire; no device has more than 2^63 bytes.
    long free = memory.free() < 0 ? Long.MAX_VALUE : memory.free();
    long total = memory.total() < 0 ? Long.MAX_VALUE : memory.total();
    return new DeviceProof(name, free, total, alignment, probe);
  }

  private static SocketTimeoutException tooLate(Duration limit) {
    return new SocketTimeoutException(
        "it accepts the connection but has not answered for "
            + limit.toSeconds()
            + " s; a stock worker serves one client at a time, so another one may be using it");
  }

  private static void abort(SocketChannel socket, AtomicBoolean late) {
    late.set(true);
    try {
      socket.close();
    } catch (IOException _) {
      // There is nothing left to give back.
    }
  }

  private HeadException unsuitable(String what, @Nullable Exception cause) {
    return new HeadException(
        HeadReason.WORKER_UNSUITABLE,
        "Worker " + worker.name() + " (" + worker.address() + ") cannot be used: " + what,
        cause);
  }
}
