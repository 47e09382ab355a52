// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.plan.LinkSpeed;
import dev.knarr.plan.WireWorker;
import dev.knarr.rpc.ProtocolVersion;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a worker has shown: it speaks our version, and each of its devices has computed a graph
 * whose result was right. Immutable.
 *
 * @param worker its name
 * @param address where it was proven, of several addresses the fastest
 * @param remark why that address was taken; empty where there was no choice
 * @param version the version it speaks
 * @param link how fast the link from the head to it is
 * @param routed whether the head's router and the worker have agreed on commands of their own
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
    boolean routed,
    Map<String, LinkSpeed> neighbours,
    List<DeviceProof> devices,
    boolean servesSeveral) {

  WorkerProof {
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
        routed,
        neighbours,
        devices,
        servesSeveral);
  }

  /** The shortest round trip that was seen. */
  long roundTripMicros() {
    return Math.round(link.roundTripMicros());
  }

  /** This worker as the plan sees it. */
  WireWorker wire() {
    return new WireWorker(worker, routed, link, neighbours);
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
