// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.gguf.GgufFile;
import dev.knarr.head.HeadMetrics;
import dev.knarr.head.relay.RecordedEvents;
import dev.knarr.head.relay.RelayMeters;
import dev.knarr.rpc.RouteFeature;
import dev.knarr.rpc.RpcCommand;
import dev.knarr.rpc.transport.Transport;
import dev.knarr.testkit.peers.StockWorker;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** A router over workers that are started with it and end with it. */
final class RunningRouter implements AutoCloseable {
  final SimpleMeterRegistry registry = new SimpleMeterRegistry();
  final RecordedEvents events = new RecordedEvents();
  final HeadRouter router;
  final List<OurWorker> ours;
  private final List<StockWorker> stock;

  private RunningRouter(
      Set<RouteFeature> features,
      List<OurWorker> ours,
      List<StockWorker> stock,
      HeadRouter.Models models)
      throws IOException {
    this.ours = ours;
    this.stock = stock;
    var workers = new ArrayList<RoutedWorker>();
    var devices = new ArrayList<RoutedDevice>();
    for (var worker : ours) {
      for (int device = 0; device < worker.devices(); device++) {
        devices.add(new RoutedDevice(workers.size(), device));
      }
      workers.add(routed("ours-" + workers.size(), worker.port()));
    }
    for (var worker : stock) {
      devices.add(new RoutedDevice(workers.size(), 0));
      workers.add(routed("stock-" + workers.size(), worker.port()));
    }
    router =
        HeadRouter.open(
            new HeadRouter.Settings(workers, features, events, new RouterMeters(registry), models),
            devices);
  }

  private RoutedWorker routed(String name, int port) {
    return new RoutedWorker(
        name, "127.0.0.1", port, Transport.PLAIN, new RelayMeters(registry, name));
  }

  /** Over so many workers of ours, and so many stock ones behind them. */
  static RunningRouter over(int ours, int stock) throws IOException {
    return over(RouteFeature.all(), ours, stock);
  }

  /** As {@link #over(int, int)}, with these features only. */
  static RunningRouter over(Set<RouteFeature> features, int ours, int stock) throws IOException {
    var workers = Collections.nCopies(ours, "").stream().map(_ -> OurWorker.with("CPU")).toList();
    var stockWorkers =
        Collections.nCopies(stock, "").stream().map(_ -> StockWorker.start()).toList();
    return new RunningRouter(features, workers, stockWorkers, HeadRouter.Models.NONE);
  }

  /** Over these workers. */
  static RunningRouter over(OurWorker... workers) throws IOException {
    return new RunningRouter(
        RouteFeature.all(), List.of(workers), List.of(), HeadRouter.Models.NONE);
  }

  /** Over these workers, to load these models. */
  static RunningRouter loading(List<Path> models, OurWorker... workers) throws IOException {
    return loading(models, Optional.empty(), workers);
  }

  /** As {@link #loading(List, OurWorker...)}, with a folder for the hashes of tensors. */
  static RunningRouter loading(List<Path> models, Optional<Path> hashes, OurWorker... workers)
      throws IOException {
    return new RunningRouter(
        RouteFeature.all(),
        List.of(workers),
        List.of(),
        new HeadRouter.Models(models.stream().map(GgufFile::open).toList(), hashes));
  }

  int devices() {
    return ours.stream().mapToInt(OurWorker::devices).sum() + stock.size();
  }

  /** How many frames of a command have gone to or come from the workers, all together. */
  long frames(RpcCommand command, String direction) {
    return sum(HeadMetrics.RPC_FRAMES, "command", command.metricName(), "direction", direction);
  }

  /** How many graphs were sent in this way to the workers, all together. */
  long graphs(String kind) {
    return sum(HeadMetrics.GRAPHS, "kind", kind);
  }

  /** Bytes between the head and the workers, all together. */
  long bytes() {
    return sum(HeadMetrics.RPC_BYTES);
  }

  /** Bytes of requests of these commands, to all workers. */
  long sentBytes(RpcCommand... commands) {
    return Arrays.stream(commands)
        .mapToLong(
            command ->
                sum(HeadMetrics.RPC_BYTES, "command", command.metricName(), "direction", "request"))
        .sum();
  }

  private long sum(String meter, String... tags) {
    return Math.round(
        registry.find(meter).tags(tags).counters().stream().mapToDouble(Counter::count).sum());
  }

  @Override
  public void close() {
    router.close();
    assertThat(events.failures()).as("workers called lost").isEmpty();
    ours.forEach(worker -> assertThat(worker.count("knarr.worker.request.rejected")).isZero());
    ours.forEach(OurWorker::close);
    stock.forEach(StockWorker::close);
    ours.forEach(worker -> assertThat(worker.allocatedBytes()).as("bytes left").isZero());
  }
}
