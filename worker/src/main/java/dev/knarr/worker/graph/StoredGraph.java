// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.graph;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.tensor.CompactGraph;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.worker.device.DeviceBuffer;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A graph of the archive over certain buffers of a connection, under as many uids as its client has
 * for it. Called by the connection's thread only.
 */
final class StoredGraph {
  private final GraphArchive.Entry content;
  private final List<DeviceBuffer> buffers;
  private final int[] layouts;
  private NativeGraph latest;
  private int names;

  StoredGraph(GraphArchive.Entry content, List<DeviceBuffer> buffers, NativeGraph made) {
    this.content = content;
    this.buffers = buffers;
    this.layouts = new int[buffers.size()];
    this.latest = made;
    noteLayouts();
  }

  /**
   * A graph that a router has sent, over buffers of its choice: all of it may be wrong.
   *
   * @throws dev.knarr.rpc.RpcProtocolException if anything is
   */
  static StoredGraph bind(
      GraphArchive.Entry content, List<DeviceBuffer> buffers, NativeGraphs natives) {
    return new StoredGraph(
        content, buffers, natives.make(content.expand(), tensor -> placeOf(tensor, buffers)));
  }

  /** As {@link #bind}, to be computed once and not stored. */
  static NativeGraph once(CompactGraph content, List<DeviceBuffer> buffers, NativeGraphs natives) {
    return natives.once(GraphArchive.expand(content.bytes()), tensor -> placeOf(tensor, buffers));
  }

  /** What makes two graphs of a connection the same. */
  record Key(GraphArchive.Entry content, List<DeviceBuffer> buffers) {}

  Key key() {
    return new Key(content, buffers);
  }

  GraphArchive.Entry content() {
    return content;
  }

  boolean uses(DeviceBuffer buffer) {
    return buffers.contains(buffer);
  }

  void named() {
    names++;
  }

  /** Whether that was the last name. */
  boolean unnamed() {
    return --names == 0;
  }

  /** The graph to compute, once; null if it must be {@link #rebuild rebuilt}. */
  @Nullable NativeGraph present() {
    if (!hasSameLayouts()) {
      latest.giveUp();
      return null;
    }
    return latest.acquire() ? latest : null;
  }

  NativeGraph rebuild(NativeGraphs natives) {
    latest = natives.make(content.expand(), tensor -> placeOf(tensor, buffers));
    noteLayouts();
    return latest;
  }

  /** Making a graph may itself change the layout of weights; what counts is what it has found. */
  private void noteLayouts() {
    Arrays.setAll(layouts, i -> buffers.get(i).layoutVersion());
  }

  private boolean hasSameLayouts() {
    for (int i = 0; i < layouts.length; i++) {
      if (layouts[i] != buffers.get(i).layoutVersion()) {
        return false;
      }
    }
    return true;
  }

  private static @Nullable TensorPlace placeOf(RpcTensor tensor, List<DeviceBuffer> buffers) {
    if (tensor.buffer() == 0) {
      return null;
    }
    if (tensor.buffer() < 0 || tensor.buffer() > buffers.size()) {
      throw new RpcProtocolException(
          ProtocolFault.UNKNOWN_BUFFER,
          "tensor %s is in buffer %s of %d"
              .formatted(
                  tensor.printableName(), Long.toUnsignedString(tensor.buffer()), buffers.size()));
    }
    return TensorPlace.inside(
        buffers.get((int) tensor.buffer() - 1), tensor.data(), tensor.byteSize(), tensor);
  }

  /** The graph as it is now, with the use it was made with. */
  NativeGraph latest() {
    return latest;
  }

  void close() {
    latest.giveUp();
  }
}
