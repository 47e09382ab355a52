// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.graph;

import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.worker.device.DeviceBuffer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A graph of the archive over certain buffers of a connection, under as many uids as its client has
 * for it. Called by the connection's thread only.
 */
final class StoredGraph {
  private final GraphArchive.Entry content;
  private final List<DeviceBuffer> buffers;
  private NativeGraph latest;
  private int names;

  StoredGraph(GraphArchive.Entry content, List<DeviceBuffer> buffers, NativeGraph made) {
    this.content = content;
    this.buffers = buffers;
    this.latest = made;
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
    return latest.acquire() ? latest : null;
  }

  NativeGraph rebuild(NativeGraphs natives) {
    latest = natives.make(content.expand(), this::placeOf);
    return latest;
  }

  private @Nullable TensorPlace placeOf(RpcTensor tensor) {
    return tensor.buffer() == 0
        ? null
        : new TensorPlace(buffers.get((int) tensor.buffer() - 1), tensor.data(), tensor.byteSize());
  }

  void close() {
    latest.giveUp();
  }
}
