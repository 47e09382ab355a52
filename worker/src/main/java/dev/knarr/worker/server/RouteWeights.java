// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import dev.knarr.rpc.RouteRequest;
import dev.knarr.rpc.wire.RpcServerChannel;
import dev.knarr.worker.cache.TensorCache;
import dev.knarr.worker.cache.TensorRecording;
import dev.knarr.worker.graph.TensorPlace;
import java.io.IOException;

/**
 * The weights that a router names by their hash: found, or received and kept. Called by the
 * connection's thread only.
 */
final class RouteWeights {
  private final TensorCache cache;
  private final TensorTransfer transfer;

  RouteWeights(TensorCache cache, TensorTransfer transfer) {
    this.cache = cache;
    this.transfer = transfer;
  }

  /** Whether the weights are at their place now. */
  boolean find(RouteRequest.Offer offer, TensorPlace place) {
    var buffer = place.buffer();
    if (buffer.finds(place.offset(), place.bytes(), offer.hash())) {
      cache.stayed(place.bytes());
      return true;
    }
    if (!cache.load(offer.hash(), buffer, place.offset(), place.bytes())) {
      return false;
    }
    buffer.holds(place.offset(), place.bytes(), offer.hash());
    return true;
  }

  /**
   * Takes weights in. That their hash is right is not checked: only their owner relies on it, and
   * the cache's folder works it out for itself.
   */
  void receive(RouteRequest.Weights weights, TensorPlace place, RpcServerChannel channel)
      throws IOException {
    var buffer = place.buffer();
    try (TensorRecording recording = cache.record(place.bytes()).orElse(null)) {
      transfer.receive(place, channel, recording);
      if (recording != null) {
        recording.finish();
      }
    }
    buffer.holds(place.offset(), place.bytes(), weights.hash());
    cache.arrived(weights.hash(), buffer, place.offset(), place.bytes());
  }
}
