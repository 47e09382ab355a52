// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.rpc.ProtocolVersion;
import java.util.List;

/**
 * What a worker has shown: it speaks our version, and each of its devices has computed a graph
 * whose result was right. Immutable.
 *
 * @param worker its name
 * @param version the version it speaks
 * @param roundTripMicros the shortest round trip that was seen
 * @param devices its devices in order
 * @param servesSeveral whether it answers a second client while it serves the first
 */
record WorkerProof(
    String worker,
    ProtocolVersion version,
    long roundTripMicros,
    List<DeviceProof> devices,
    boolean servesSeveral) {

  WorkerProof {
    devices = List.copyOf(devices);
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
