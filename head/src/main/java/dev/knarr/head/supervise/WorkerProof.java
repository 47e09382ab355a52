// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.head.api.HeadConfig;
import dev.knarr.plan.LinkSpeed;
import dev.knarr.plan.WireWorker;
import dev.knarr.rpc.ProtocolVersion;
import dev.knarr.rpc.RouteFeature;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What a worker has shown: it speaks our version, and each of its devices has computed a graph
 * whose result was right. Immutable.
 *
 * @param worker its name
 * @param address where it was proven, of several addresses the fastest
 * @param remark why that address was taken; empty where there was no choice
 * @param version the version it speaks
 * @param link how fast the link from the head to it is
 * @param features what the head's router and it have agreed on
 * @param neighbours links from it to workers that it has been proven to reach directly, by name
 * @param devices its devices in order
 * @param servesSeveral whether it answers a second client while it serves the first
 */
record WorkerProof(
    String worker,
    String address,
    Optional<String> remark,
    ProtocolVersion version,
    LinkSpeed link,
    Set<RouteFeature> features,
    Map<String, LinkSpeed> neighbours,
    List<DeviceProof> devices,
    boolean servesSeveral) {

  /** What it takes for inputs as differences, and for results that come without being asked for. */
  private static final Set<RouteFeature> ROUTED =
      EnumSet.of(RouteFeature.INPUTS, RouteFeature.GRAPHS, RouteFeature.READ_AHEAD);

  WorkerProof {
    features = Set.copyOf(features);
    neighbours = Map.copyOf(neighbours);
    devices = List.copyOf(devices);
  }

  /** The same with a reason for its address. */
  WorkerProof because(String why) {
    return new WorkerProof(
        worker,
        address,
        Optional.of(why),
        version,
        link,
        features,
        neighbours,
        devices,
        servesSeveral);
  }

  /** The worker at the address where it was proven. */
  HeadConfig.Worker at() {
    return new HeadConfig.Worker(worker, address);
  }

  /** The shortest round trip that was seen. */
  long roundTripMicros() {
    return Math.round(link.roundTripMicros());
  }

  /** This worker as the plan sees it. */
  WireWorker wire() {
    return new WireWorker(worker, features.containsAll(ROUTED), link, neighbours);
  }

  /** Whether it copies directly to workers that do so too. */
  boolean copiesDirectly() {
    return features.contains(RouteFeature.DIRECT_COPIES);
  }

  /** The same with links to others, by their names. */
  WorkerProof linkedTo(Map<String, LinkSpeed> links) {
    return new WorkerProof(
        worker, address, remark, version, link, features, links, devices, servesSeveral);
  }

  /**
   * What a device has shown.
   *
   * @param name its name in the cluster, such as {@code cpu-0/0}
   * @param freeBytes memory it offers
   * @param totalBytes memory it has
   * @param alignmentBytes alignment of its buffers
   * @param probeMicros how long the probe graph took, transfer included
   */
  record DeviceProof(
      String name, long freeBytes, long totalBytes, long alignmentBytes, long probeMicros) {}
}
