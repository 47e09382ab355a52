// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.plan.LinkSpeed;
import dev.knarr.rpc.RouteFeature;
import dev.knarr.rpc.RouteRequest;
import dev.knarr.rpc.RouteRequest.Range;
import dev.knarr.rpc.RouteResponse;
import dev.knarr.rpc.RouteTerms;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.wire.RpcClientChannel;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * Finds out whether a worker reaches its neighbour, and how fast, by having it push tensors there
 * as the router will. The head sees only when they have arrived, so the ways to the first and from
 * the second are taken off. One thread.
 */
final class NeighbourProbe {
  private static final Duration LIMIT = Duration.ofSeconds(10);
  private static final int LINK = 1;
  private static final int ROUND_TRIPS = 20;
  private static final Duration ROUND_TRIPS_LIMIT = Duration.ofMillis(50);
  private static final long FIRST_BYTES = 64 << 10;
  private static final long MOST_BYTES = 4 << 20;
  private static final int GROWTH = 4;

  /** For one transfer of a size that is tried. */
  private static final long MOST_NANOS = TimeUnit.MILLISECONDS.toNanos(250);

  private final WorkerConnector first;
  private final WorkerConnector second;
  private final long waysNanos;

  /**
   * A probe.
   *
   * @param first who pushes
   * @param second who pulls
   * @param waysMicros from the head to the first, and from the second to the head
   */
  NeighbourProbe(WorkerConnector first, WorkerConnector second, long waysMicros) {
    this.first = first;
    this.second = second;
    this.waysNanos = TimeUnit.MICROSECONDS.toNanos(waysMicros);
  }

  /** The link as the first sees it; empty when there is none. */
  Optional<LinkSpeed> measure() {
    var asked = RouteTerms.router(Set.of(RouteFeature.DIRECT_COPIES)).capabilities();
    try (var from = first.greet(LIMIT, _ -> {}, asked);
        var to = second.greet(LIMIT, _ -> {}, asked)) {
      from.mostWait(LIMIT, "it stops answering while its neighbour is asked for");
      to.mostWait(LIMIT, "it stops answering while its neighbour is asked for");
      var terms = RouteTerms.of(to.capabilities());
      if (terms.isEmpty() || RouteTerms.of(from.capabilities()).isEmpty()) {
        return Optional.empty();
      }
      begin(from.channel());
      begin(to.channel());
      var there = second.worker();
      from.channel()
          .send(new RouteRequest.Link(LINK, terms.get().token(), there.port(), there.host()));
      if (!from.channel().receive(RouteResponse.Linked.class).ok()) {
        return Optional.empty();
      }
      return Optional.of(measure(from.channel(), to.channel()));
    } catch (IOException | RpcProtocolException _) {
      // Whoever is lost now is noticed elsewhere; there is no link to plan with.
      return Optional.empty();
    }
  }

  private static void begin(RpcClientChannel channel) throws IOException {
    channel.speakToWorker();
    channel.next(); // What it keeps for routers.
  }

  private LinkSpeed measure(RpcClientChannel from, RpcClientChannel to) throws IOException {
    long source = allocate(from);
    long target = allocate(to);
    if (source == 0 || target == 0) {
      return LinkSpeed.UNMEASURED;
    }
    long way = Long.MAX_VALUE;
    long enough = System.nanoTime() + ROUND_TRIPS_LIMIT.toNanos();
    for (int i = 0; i < ROUND_TRIPS && (i < 3 || System.nanoTime() < enough); i++) {
      way = Math.min(way, nanos(from, source, to, target, 1));
    }
    long bytes = FIRST_BYTES;
    long nanos = nanos(from, source, to, target, bytes);
    while (bytes < MOST_BYTES && nanos * GROWTH <= MOST_NANOS) {
      bytes *= GROWTH;
      nanos = nanos(from, source, to, target, bytes);
    }
    nanos = Math.min(nanos, nanos(from, source, to, target, bytes));
    double perSecond = bytes * 1e9 / Math.max(nanos - way, nanos / 10 + 1);
    return new LinkSpeed(2 * Math.max(0, way - waysNanos) / 1000.0, perSecond, perSecond);
  }

  private static long allocate(RpcClientChannel channel) throws IOException {
    channel.send(new RpcRequest.AllocBuffer(0, MOST_BYTES));
    return channel.receive(RpcResponse.AllocatedBuffer.class).buffer();
  }

  /** How long it takes until so many bytes have gone from one to the other. */
  private static long nanos(
      RpcClientChannel from, long source, RpcClientChannel to, long target, long bytes)
      throws IOException {
    long begin = System.nanoTime();
    to.send(new RouteRequest.Pull(LINK, new Range(target, 0, bytes)));
    to.send(new RouteRequest.Read(new Range(target, bytes - 1, 1)));
    to.flush();
    from.send(new RouteRequest.Push(LINK, new Range(source, 0, bytes)));
    from.flush();
    to.receive(RpcResponse.TensorData.class);
    to.receiveData(ByteBuffer.allocate(1));
    return System.nanoTime() - begin;
  }
}
