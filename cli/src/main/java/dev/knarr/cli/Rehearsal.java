// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.wire.FrameMeter;
import dev.knarr.rpc.wire.RpcClientChannel;
import dev.knarr.rpc.wire.WireLimits;
import io.quarkus.bootstrap.runner.AotQuarkusEntryPoint;
import io.quarkus.runtime.Quarkus;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.regex.Pattern;

/**
 * What the JVM's ahead-of-time cache is made from: a worker on free ports that is asked what is
 * asked first. The launcher script runs it once with {@code -XX:AOTCacheOutput}; the process ends
 * by itself. Every class that is used here costs the memory of every worker, so nothing else is
 * rehearsed.
 */
final class Rehearsal {
  private static final Duration LIMIT = Duration.ofSeconds(60);

  private Rehearsal() {}

  /**
   * Runs the rehearsal.
   *
   * @param arguments a file for the worker to announce its ports in, which does not exist yet
   */
  public static void main(String... arguments) throws Throwable {
    var announcement = Path.of(arguments[0]);
    Thread.ofPlatform().daemon().name("rehearsal").start(() -> visit(announcement));
    AotQuarkusEntryPoint.main(
        "worker",
        "--host=127.0.0.1",
        "--port=0",
        "--management-port=0",
        "--device=CPU",
        "--threads=1",
        "--announce=" + announcement);
  }

  private static void visit(Path announcement) {
    try {
      var ports = await(announcement);
      askDevices(port(ports, "rpc"));
      for (var page : new String[] {"/q/health/ready", "/metrics"}) {
        var address = "http://127.0.0.1:%d%s".formatted(port(ports, "management"), page);
        try (var stream = URI.create(address).toURL().openStream()) {
          stream.readAllBytes();
        }
      }
    } catch (IOException e) {
      System.err.println("The rehearsal is incomplete: " + e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      Quarkus.asyncExit(0);
    }
  }

  private static String await(Path announcement) throws IOException, InterruptedException {
    long deadline = System.nanoTime() + LIMIT.toNanos();
    while (!Files.exists(announcement)) {
      if (System.nanoTime() > deadline) {
        throw new IOException("the worker is not ready within " + LIMIT);
      }
      Thread.sleep(20);
    }
    return Files.readString(announcement);
  }

  private static int port(String announcement, String name) throws IOException {
    var field = Pattern.compile("\"%s\": \"[^\"]*:(\\d+)\"".formatted(name)).matcher(announcement);
    if (!field.find()) {
      throw new IOException("no port of %s in %s".formatted(name, announcement));
    }
    return Integer.parseInt(field.group(1));
  }

  private static void askDevices(int port) throws IOException {
    var address = new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
    try (var socket = SocketChannel.open(address);
        var channel = RpcClientChannel.over(socket, WireLimits.defaults(), FrameMeter.NONE)) {
      channel.hello();
      channel.send(new RpcRequest.GetDeviceMemory(0));
      channel.receive(RpcResponse.DeviceMemory.class);
    }
  }
}
