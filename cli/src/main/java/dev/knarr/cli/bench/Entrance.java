// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.bench;

import dev.knarr.cli.bench.EndpointSpec.Address;
import dev.knarr.cli.bench.EndpointSpec.Way;
import dev.knarr.gguf.GgufFile;
import dev.knarr.head.relay.Relay;
import dev.knarr.head.relay.RelayListener;
import dev.knarr.head.relay.RelayMeters;
import dev.knarr.head.route.HeadRouter;
import dev.knarr.head.route.RoutedDevice;
import dev.knarr.head.route.RoutedWorker;
import dev.knarr.head.route.RouterMeters;
import dev.knarr.rpc.RouteFeature;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.transport.Transport;
import dev.knarr.rpc.wire.WireLimits;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What llama-bench connects to in front of workers, opened as a head does it.
 *
 * @param addresses for llama-bench; empty where it connects to the workers themselves
 * @param parts what is open
 */
record Entrance(List<String> addresses, List<AutoCloseable> parts) implements AutoCloseable {
  /** None: llama-bench connects to the workers themselves. */
  static final Entrance NONE = new Entrance(List.of(), List.of());

  /**
   * Opens one.
   *
   * @param workers {@code host:port} of each
   * @param devices how many each has
   * @param transport what lies between the protocol and the workers
   * @param models that llama-bench loads
   * @param registry where its meters are
   */
  static Entrance open(
      Way way,
      List<String> workers,
      List<Integer> devices,
      Transport transport,
      List<Path> models,
      MeterRegistry registry) {
    return switch (way) {
      case DIRECT -> NONE;
      case RELAY, TLS -> relays(workers, transport, registry);
      case ROUTER, TLS_ROUTER -> router(workers, devices, transport, models, registry);
    };
  }

  /** A relay in front of each worker. */
  static Entrance relays(List<String> workers, Transport transport, MeterRegistry registry) {
    var relays = new ArrayList<Relay>();
    for (var worker : workers) {
      var address = Address.parse(worker);
      try {
        relays.add(
            Relay.open(
                new Relay.RelayTarget(
                    worker,
                    address.host(),
                    address.port(),
                    transport,
                    new RelayMeters(registry, worker),
                    WireLimits.defaults(),
                    new Deaf())));
      } catch (IOException e) {
        throw new BenchException(
            "No port can be had for a relay to %s: %s.".formatted(worker, e.getMessage()), e);
      }
    }
    return new Entrance(relays.stream().map(Relay::address).toList(), List.copyOf(relays));
  }

  private static Entrance router(
      List<String> workers,
      List<Integer> devices,
      Transport transport,
      List<Path> models,
      MeterRegistry registry) {
    var routed = new ArrayList<RoutedWorker>();
    var offered = new ArrayList<RoutedDevice>();
    for (var worker : workers) {
      var address = Address.parse(worker);
      for (int device = 0; device < devices.get(routed.size()); device++) {
        offered.add(new RoutedDevice(routed.size(), device));
      }
      routed.add(
          new RoutedWorker(
              worker,
              address.host(),
              address.port(),
              transport,
              new RelayMeters(registry, worker)));
    }
    try {
      var router =
          HeadRouter.open(
              new HeadRouter.Settings(
                  routed,
                  RouteFeature.all(),
                  new Deaf(),
                  new RouterMeters(registry),
                  new HeadRouter.Models(
                      models.stream().map(GgufFile::open).toList(), Optional.empty())),
              offered);
      return new Entrance(List.of(router.address()), List.of(router));
    } catch (IOException e) {
      throw new BenchException("No port can be had for a router: %s.".formatted(e.getMessage()), e);
    }
  }

  @Override
  public void close() {
    for (var part : parts) {
      try {
        part.close();
      } catch (Exception e) {
        throw new BenchException("A part of the head did not close: " + e.getMessage() + ".", e);
      }
    }
  }

  /** What goes wrong, llama-bench says too. */
  private static final class Deaf implements RelayListener {
    @Override
    public void workerFailed(String worker, String how) {}

    @Override
    public void linkFailed(String worker) {}

    @Override
    public void detour(String from, String to) {}

    @Override
    public void tensorRead(String worker, RpcTensor tensor) {}

    @Override
    public void tensorSet(String worker, int device, String tensor, long bytes, boolean known) {}
  }
}
