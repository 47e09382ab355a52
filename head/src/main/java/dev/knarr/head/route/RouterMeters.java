// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import dev.knarr.head.HeadMetrics;
import dev.knarr.rpc.RpcCommand;
import dev.knarr.rpc.wire.Direction;
import dev.knarr.rpc.wire.FrameMeter;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;

/**
 * Counts what clients say to the router, which without it would all go to the workers, and what the
 * router does about it. Any thread.
 */
public final class RouterMeters implements FrameMeter {
  private final Counter requestBytes;
  private final Counter responseBytes;
  private final Counter directCopies;
  private final Counter headCopies;
  private final Counter localCopies;
  private final Counter readsAhead;
  private final Counter readsAsked;
  private final Counter readsWasted;

  public RouterMeters(MeterRegistry registry) {
    this.requestBytes = clientBytes(registry, Direction.REQUEST);
    this.responseBytes = clientBytes(registry, Direction.RESPONSE);
    this.directCopies = copies(registry, "direct");
    this.headCopies = copies(registry, "head");
    this.localCopies = copies(registry, "local");
    this.readsAhead = reads(registry, "ahead");
    this.readsAsked = reads(registry, "asked");
    this.readsWasted = reads(registry, "wasted");
  }

  private static Counter clientBytes(MeterRegistry registry, Direction direction) {
    return Counter.builder(HeadMetrics.CLIENT_BYTES)
        .tag("direction", direction.metricName())
        .baseUnit("bytes")
        .description("Bytes between llama-server and the router, framing included")
        .register(registry);
  }

  private static Counter copies(MeterRegistry registry, String path) {
    return Counter.builder(HeadMetrics.COPIES)
        .tag("path", path)
        .description("Tensors copied from one device to another")
        .register(registry);
  }

  private static Counter reads(MeterRegistry registry, String kind) {
    return Counter.builder(HeadMetrics.READS)
        .tag("kind", kind)
        .description("Tensors read from workers")
        .register(registry);
  }

  @Override
  public void frame(RpcCommand command, Direction direction, long bytes) {
    (direction == Direction.REQUEST ? requestBytes : responseBytes).increment((double) bytes);
  }

  /** A tensor goes from worker to worker. */
  void copiedDirectly() {
    directCopies.increment();
  }

  /** A tensor has gone over the head. */
  void copiedOverHead() {
    headCopies.increment();
  }

  /** A tensor stays on its worker. */
  void copiedLocally() {
    localCopies.increment();
  }

  /** The client has asked for what was asked for already. */
  void readAhead() {
    readsAhead.increment();
  }

  /** The client has asked for what nobody had expected. */
  void readAsked() {
    readsAsked.increment();
  }

  /** The client has not asked for what was expected. */
  void readWasted() {
    readsWasted.increment();
  }
}
