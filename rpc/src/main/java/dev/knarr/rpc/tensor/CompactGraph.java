// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.tensor;

import dev.knarr.rpc.RpcProtocolException;
import java.util.Arrays;
import java.util.function.LongUnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A graph without what differs from one sending of it to the next: ids are ordinals, addresses are
 * offsets in numbered buffers. So the same graph has the same bytes, whatever uid, ids, handles and
 * addresses it came with, and they are few: about 13 for a descriptor, which has 296 on the wire.
 * Nothing else is lost, names included: CUDA decides by the names of some nodes whether it captures
 * a graph ({@code ggml_cuda_graph_check_compability}).
 *
 * <p>A router sends it to our workers. Immutable; any thread.
 */
public final class CompactGraph {
  private final byte[] bytes;
  private final long[] buffers;

  private CompactGraph(byte[] bytes, long[] buffers) {
    this.bytes = bytes;
    this.buffers = buffers;
  }

  /**
   * The compact form of a graph.
   *
   * @param bases the base address of a buffer by its handle; may throw for a handle that is unknown
   */
  public static CompactGraph of(ComputeGraph graph, LongUnaryOperator bases) {
    var encoder = new CompactGraphEncoder(graph, bases);
    return new CompactGraph(encoder.encode(), encoder.buffers());
  }

  /** What a router has sent, which may be anything: {@link #expand} finds out. */
  public static CompactGraph received(byte[] bytes) {
    return new CompactGraph(bytes, new long[0]);
  }

  /**
   * The graph of {@link #bytes}. Its ids are 1, 2, …; its buffers too, in the order of {@link
   * #buffers}; its addresses are offsets in them.
   *
   * @param maxNodes nodes allowed
   * @param maxTensors descriptors allowed
   * @throws RpcProtocolException BAD_GRAPH when the bytes are no such form, and as {@link
   *     ComputeGraph#decode}
   */
  public static ComputeGraph expand(byte[] bytes, int maxNodes, int maxTensors) {
    return new CompactGraphDecoder(bytes).decode(maxNodes, maxTensors);
  }

  /** The content, equal for equal graphs. The caller must not change it. */
  public byte[] bytes() {
    return bytes;
  }

  /** The handles of the graph's buffers, in the order of their first use. */
  public long[] buffers() {
    return buffers.clone();
  }

  /** A hash of {@link #bytes} that nobody outside this process can foresee. */
  public long contentHash() {
    long hash = SecretHash.START;
    int at = 0;
    for (; at + Long.BYTES <= bytes.length; at += Long.BYTES) {
      hash = SecretHash.add(hash, LittleEndian.getLong(bytes, at));
    }
    for (; at < bytes.length; at++) {
      hash = SecretHash.add(hash, bytes[at]);
    }
    return SecretHash.finish(hash);
  }

  /** Whether content and handles are the same. */
  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof CompactGraph that
        && Arrays.equals(bytes, that.bytes)
        && Arrays.equals(buffers, that.buffers);
  }

  @Override
  public int hashCode() {
    return Long.hashCode(contentHash());
  }

  @Override
  public String toString() {
    return "compact graph of %d bytes over %d buffers".formatted(bytes.length, buffers.length);
  }
}
