// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.wire;

/**
 * What a peer may announce. Checked against a frame's head before anything is allocated.
 *
 * @param maxFrameBytes payload of a frame that carries tensor data, and of an answer that does. The
 *     data is streamed, so this bounds time, not memory; a whole tensor is one frame
 * @param maxGraphBytes payload of a graph, which is held
 * @param maxGraphNodes nodes of a graph
 * @param maxGraphTensors descriptors of a graph
 * @param maxOutstandingResponses answered requests without their answer yet; stock clients have one
 */
public record WireLimits(
    long maxFrameBytes,
    int maxGraphBytes,
    int maxGraphNodes,
    int maxGraphTensors,
    int maxOutstandingResponses) {

  public WireLimits {
    if (maxFrameBytes < 1
        || maxGraphBytes < 20
        || maxGraphNodes < 1
        || maxGraphTensors < 1
        || maxOutstandingResponses < 1) {
      throw new IllegalArgumentException(
          "Every limit must be positive, and that of graph bytes at least 20: "
              + maxFrameBytes
              + ", "
              + maxGraphBytes
              + ", "
              + maxGraphNodes
              + ", "
              + maxGraphTensors
              + ", "
              + maxOutstandingResponses);
    }
  }

  /**
   * 64 GiB of data, graphs of 131,072 nodes and 262,144 descriptors, which 76 MiB hold. The largest
   * models have some ten thousand nodes.
   */
  public static WireLimits defaults() {
    return new WireLimits(64L << 30, 76 << 20, 1 << 17, 1 << 18, 1024);
  }

  /** The same with another limit of data. */
  public WireLimits withMaxFrameBytes(long bytes) {
    return new WireLimits(
        bytes, maxGraphBytes, maxGraphNodes, maxGraphTensors, maxOutstandingResponses);
  }

  /** The same with another limit of graphs. */
  public WireLimits withMaxGraphBytes(int bytes) {
    return new WireLimits(
        maxFrameBytes, bytes, maxGraphNodes, maxGraphTensors, maxOutstandingResponses);
  }
}
