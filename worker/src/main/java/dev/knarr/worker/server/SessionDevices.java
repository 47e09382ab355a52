// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.worker.device.Device;
import dev.knarr.worker.device.DeviceBuffer;
import dev.knarr.worker.graph.GraphStores;
import dev.knarr.worker.graph.NativeGraph;
import dev.knarr.worker.graph.TensorPlace;
import java.util.List;

/**
 * The devices as one client uses them: what it has asked each to compute, and when that is done.
 * Called by the connection's thread only.
 */
final class SessionDevices {
  private final List<OfferedDevice> devices;
  private final ServerEvents events;
  private final ConnectionUse use;

  SessionDevices(
      List<Device> devices,
      GraphStores graphs,
      ClientLinks links,
      ServerEvents events,
      ConnectionUse use) {
    this.devices =
        devices.stream()
            .map(
                device ->
                    new OfferedDevice(
                        device, graphs.open(device), new GraphQueue(device), links.slot()))
            .toList();
    this.events = events;
    this.use = use;
  }

  List<OfferedDevice> all() {
    return devices;
  }

  /**
   * A device by a number that may be anything.
   *
   * @throws RpcProtocolException UNKNOWN_DEVICE
   */
  OfferedDevice get(int index) {
    if (index < 0 || index >= devices.size()) {
      throw new RpcProtocolException(
          ProtocolFault.UNKNOWN_DEVICE,
          "device %s does not exist: this worker offers %d, numbered from 0"
              .formatted(Integer.toUnsignedString(index), devices.size()));
    }
    return devices.get(index);
  }

  OfferedDevice of(Device device) {
    for (var offered : devices) {
      if (offered.device() == device) {
        return offered;
      }
    }
    throw new IllegalStateException("A buffer of a device that is not offered.");
  }

  /** Waits for the graphs that may still write this memory. */
  DeviceBuffer idle(DeviceBuffer buffer) {
    of(buffer.device()).queue().await();
    return buffer;
  }

  TensorPlace idle(TensorPlace place) {
    idle(place.buffer());
    return place;
  }

  /** Has a graph computed, for which {@link GraphQueue#makeRoom} has made room. */
  void submit(OfferedDevice offered, NativeGraph graph, boolean again) {
    offered.queue().submit(graph.isBrief(), () -> compute(offered, graph, again));
  }

  private void compute(OfferedDevice offered, NativeGraph graph, boolean again) {
    if (offered.queue().isAbandoned()) {
      graph.release();
    } else {
      long nanos = graph.compute();
      use.computed(nanos);
      events.graphComputed(offered.device(), again, nanos);
    }
  }

  /** Waits for all graphs. */
  void finish() {
    devices.forEach(offered -> offered.queue().await());
  }

  /** Tells of nodes that the CPU has to compute for a device. */
  void made(OfferedDevice offered, NativeGraph graph) {
    if (graph.fallbackNodes() > 0) {
      events.nodesFellBack(offered.device(), graph.fallbackNodes());
    }
  }

  /** Waits for what runs, drops what is queued, and gives everything but buffers back. */
  void close() {
    for (var offered : devices) {
      offered.communicator().close();
      offered.queue().drain();
      offered.graphs().close();
    }
  }
}
