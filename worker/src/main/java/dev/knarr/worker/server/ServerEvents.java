// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcCommand;
import dev.knarr.worker.device.Device;
import dev.knarr.worker.graph.GraphEvents;

/** What an RPC server tells those who watch it. Called by connection and device threads. */
public interface ServerEvents extends GraphEvents {
  /** A client has connected. */
  void connected();

  /** A client was not let in, because of the limits on connections. */
  void turnedAway();

  /** A client's connection has ended and its state is gone. */
  void disconnected();

  /** A request was carried out within {@code nanos}. */
  void served(RpcCommand command, long nanos);

  /** A request was refused and its connection closed. */
  void rejected(ProtocolFault fault);

  /** A graph was computed, {@code again} by its uid or from a description just received. */
  void graphComputed(Device device, boolean again, long nanos);

  /** So many nodes of a graph were computed on the CPU because the device cannot. */
  void nodesFellBack(Device device, int nodes);

  /** A link to another worker was made, for a client that splits tensors. */
  void linkJoined();

  /** Such a link was asked for and not made. */
  void linkRefused(LinkFault fault);
}
