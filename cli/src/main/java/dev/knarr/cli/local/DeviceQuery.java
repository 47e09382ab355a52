// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import dev.knarr.head.api.HeadConfig;
import dev.knarr.plan.DeviceCapacity;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.transport.TlsCredentials;
import dev.knarr.rpc.transport.TlsException;
import dev.knarr.rpc.transport.TlsFiles;
import dev.knarr.rpc.transport.Transport;
import dev.knarr.rpc.wire.FrameMeter;
import dev.knarr.rpc.wire.RpcClientChannel;
import dev.knarr.rpc.wire.WireLimits;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.channels.ByteChannel;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Asks a worker that runs for its devices and their memory, and nothing else. Any thread. */
public final class DeviceQuery {
  /** A stock worker that serves somebody else answers when it has finished with him. */
  private static final Duration LIMIT = Duration.ofSeconds(15);

  private DeviceQuery() {}

  /**
   * What lies between the protocol and the workers.
   *
   * @throws dev.knarr.rpc.transport.TlsFileException when a file cannot be used
   */
  public static Transport transport(Optional<TlsFiles> tls) {
    return tls.isPresent()
        ? TlsCredentials.load(tls.get(), LIMIT, TlsCredentials.Renewal.NONE)
        : Transport.PLAIN;
  }

  /**
   * Devices of a worker in its own order.
   *
   * @param transport what lies between the protocol and the worker
   * @param option what the user named the worker with, for the message
   * @throws LocalException where it cannot be asked
   */
  public static List<DeviceCapacity> ask(
      HeadConfig.Worker worker, Transport transport, String option) {
    try (var socket = SocketChannel.open()) {
      var alarm =
          CompletableFuture.runAsync(
              () -> close(socket),
              CompletableFuture.delayedExecutor(LIMIT.toMillis(), TimeUnit.MILLISECONDS));
      try {
        socket
            .socket()
            .connect(new InetSocketAddress(worker.host(), worker.port()), (int) LIMIT.toMillis());
        return converse(worker, transport.connected(socket, worker.host(), worker.port()));
      } finally {
        alarm.cancel(false);
      }
    } catch (ClosedChannelException e) {
      throw failure(worker, option, "gave no answer within %d s".formatted(LIMIT.toSeconds()), e);
    } catch (TlsException e) {
      throw new LocalException(
          "Worker %s at %s %s.".formatted(worker.name(), worker.address(), e.getMessage()), e);
    } catch (IOException e) {
      throw failure(worker, option, "does not answer: " + e.getMessage(), e);
    } catch (RpcProtocolException e) {
      throw new LocalException(
          "Worker %s at %s cannot be used: %s"
              .formatted(worker.name(), worker.address(), e.getMessage()),
          e);
    }
  }

  private static List<DeviceCapacity> converse(HeadConfig.Worker worker, ByteChannel link)
      throws IOException {
    var channel = RpcClientChannel.over(link, WireLimits.defaults(), FrameMeter.NONE);
    channel.hello();
    channel.send(new RpcRequest.DeviceCount());
    int count = channel.receive(RpcResponse.DeviceCounted.class).count();
    var devices = new ArrayList<DeviceCapacity>();
    for (int i = 0; i < count; i++) {
      channel.send(new RpcRequest.GetDeviceMemory(i));
      var memory = channel.receive(RpcResponse.DeviceMemory.class);
      devices.add(
          new DeviceCapacity(
              worker.name() + "/" + i, worker.address(), memory.free(), memory.total()));
    }
    return devices;
  }

  private static LocalException failure(
      HeadConfig.Worker worker, String option, String what, Exception cause) {
    return new LocalException(
        "Worker %s at %s %s. Start it (knarr worker), or correct %s."
            .formatted(worker.name(), worker.address(), what, option),
        cause);
  }

  private static void close(SocketChannel socket) {
    try {
      socket.close();
    } catch (IOException e) {
      // Closing is all that can be done to end the wait.
    }
  }
}
