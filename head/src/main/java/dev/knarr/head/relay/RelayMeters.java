// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.relay;

import dev.knarr.head.HeadMetrics;
import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcCommand;
import dev.knarr.rpc.wire.Direction;
import dev.knarr.rpc.wire.FrameMeter;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * Counts every frame on the connections to one worker. Any thread. Handles of meters are kept by
 * command and direction, so that a frame costs no look-up; they are registered when first used, so
 * that commands nobody sends do not fill the page.
 */
public final class RelayMeters implements FrameMeter {

  private final MeterRegistry registry;
  private final String worker;
  private final AtomicReferenceArray<@Nullable FrameCounters> requests =
      new AtomicReferenceArray<>(RpcCommand.CODES);
  private final AtomicReferenceArray<@Nullable FrameCounters> responses =
      new AtomicReferenceArray<>(RpcCommand.CODES);
  private final Counter roundTrips;
  private final Counter computed;
  private final Counter changed;
  private final Counter recomputed;
  private final AtomicInteger connections = new AtomicInteger();

  private record FrameCounters(Counter bytes, Counter frames) {}

  /** The meters of a worker, by its name in the plan. */
  public RelayMeters(MeterRegistry registry, String worker) {
    this.registry = registry;
    this.worker = worker;
    this.roundTrips =
        Counter.builder(HeadMetrics.ROUND_TRIPS)
            .tag("worker", worker)
            .description("Commands a worker has answered")
            .register(registry);
    this.computed = graphs("computed");
    this.changed = graphs("changed");
    this.recomputed = graphs("recomputed");
    Gauge.builder(HeadMetrics.CONNECTIONS, connections, AtomicInteger::get)
        .tag("worker", worker)
        .description("Connections passed through to a worker")
        .register(registry);
  }

  private Counter graphs(String kind) {
    return Counter.builder(HeadMetrics.GRAPHS)
        .tags("worker", worker, "kind", kind)
        .description(
            "Graphs that a worker was told to compute, in full, as a difference or by name")
        .register(registry);
  }

  @Override
  public void frame(RpcCommand command, Direction direction, long bytes) {
    FrameCounters counters = counters(command, direction);
    counters.bytes.increment((double) bytes);
    counters.frames.increment();
    if (direction == Direction.RESPONSE) {
      if (!command.notice()) {
        roundTrips.increment();
      }
    } else if (command == RpcCommand.GRAPH_COMPUTE) {
      graphInFull();
    } else if (command == RpcCommand.GRAPH_RECOMPUTE) {
      graphNamed();
    }
  }

  /** A graph has gone to the worker whole. */
  public void graphInFull() {
    computed.increment();
  }

  /** A graph has gone to the worker as its difference from one that it has. */
  public void graphAsDifference() {
    changed.increment();
  }

  /** The worker computes a graph that it has. */
  public void graphNamed() {
    recomputed.increment();
  }

  private FrameCounters counters(RpcCommand command, Direction direction) {
    AtomicReferenceArray<@Nullable FrameCounters> frames =
        direction == Direction.REQUEST ? requests : responses;
    FrameCounters known = frames.get(command.code());
    if (known != null) {
      return known;
    }
    // Two threads may both come here: the registry gives them the same counters.
    FrameCounters made =
        new FrameCounters(
            Counter.builder(HeadMetrics.RPC_BYTES)
                .tags(
                    "worker", worker,
                    "command", command.metricName(),
                    "direction", direction.metricName())
                .baseUnit("bytes")
                .description("Bytes between head and worker, framing included")
                .register(registry),
            Counter.builder(HeadMetrics.RPC_FRAMES)
                .tags(
                    "worker", worker,
                    "command", command.metricName(),
                    "direction", direction.metricName())
                .description("Frames between head and worker")
                .register(registry));
    frames.set(command.code(), made);
    return made;
  }

  /** A connection to the worker stands. */
  public void connectionOpened() {
    connections.incrementAndGet();
  }

  /** It has ended. */
  public void connectionClosed() {
    connections.decrementAndGet();
  }

  /** A connection was closed for what was said on it. */
  public void rejected(ProtocolFault fault) {
    Counter.builder(HeadMetrics.REJECTED)
        .tags("worker", worker, "fault", fault.metricName())
        .description("Connections closed for what was said on them")
        .register(registry)
        .increment();
  }
}
