// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.device;

import java.util.ArrayList;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * Which weights lie where in one buffer, by the hashes under which they came, and what of a buffer
 * that had another owner the present one may not see: all that it has neither written nor named.
 * The owner's thread only.
 */
final class KnownWeights {
  /** Less are the buffers of graphs and caches, into which a piece of weights may have strayed. */
  private static final int LEAST_SHARE = 2;

  private final Device device;
  private final long bytes;
  private final NavigableMap<Long, Piece> pieces = new TreeMap<>();

  /** Ends of hidden ranges by their beginnings; they do not overlap. */
  private final NavigableMap<Long, Long> hidden = new TreeMap<>();

  private boolean computed;

  private record Piece(long offset, long bytes, long hash) {
    long end() {
      return offset + bytes;
    }
  }

  /** Bytes from one place to another. */
  record Gap(long offset, long bytes) {}

  KnownWeights(Device device, long bytes) {
    this.device = device;
    this.bytes = bytes;
  }

  /** The owner has written these, and named them. */
  void add(long offset, long count, long hash) {
    written(offset, count);
    if (count > 0 && device.trackPiece()) {
      pieces.put(offset, new Piece(offset, count, hash));
    }
  }

  /** Whether these are there, unchanged; whoever can name them may see them. */
  boolean find(long offset, long count, long hash) {
    if (!new Piece(offset, count, hash).equals(pieces.get(offset))) {
      return false;
    }
    show(offset, offset + count);
    return true;
  }

  /** The owner has written a range, or is about to write all of it. */
  void written(long offset, long count) {
    drop(offset, count);
    show(offset, offset + count);
  }

  /** A range is not what it was any more, for all that is known. */
  void drop(long offset, long count) {
    for (var entry = pieces.lowerEntry(offset + count);
        entry != null && entry.getValue().end() > offset;
        entry = pieces.lowerEntry(offset + count)) {
      pieces.remove(entry.getKey());
      device.untrackPieces(1);
    }
  }

  private void show(long from, long to) {
    for (var entry = hidden.lowerEntry(to);
        entry != null && entry.getValue() > from;
        entry = hidden.lowerEntry(to)) {
      hidden.remove(entry.getKey());
      if (entry.getValue() > to) {
        hidden.put(to, entry.getValue());
      }
      if (entry.getKey() < from) {
        hidden.put(entry.getKey(), from);
      }
    }
  }

  /** What is hidden. */
  List<Gap> hidden() {
    var gaps = new ArrayList<Gap>(hidden.size());
    hidden.forEach((from, to) -> gaps.add(new Gap(from, to - from)));
    return gaps;
  }

  /** Hides a range, as one that this owner has not written. */
  void hide(long offset, long count) {
    if (count > 0) {
      show(offset, offset + count);
      hidden.put(offset, offset + count);
    }
  }

  /** Graphs write here, at times that nobody tells of: what is here is not what has come. */
  void computed() {
    computed = true;
    clear();
  }

  /** Whether most of it is weights, and nothing but what has come. */
  boolean mostly() {
    long known = pieces.values().stream().mapToLong(Piece::bytes).sum();
    return !computed && known > 0 && known >= bytes / LEAST_SHARE;
  }

  /** Forgets all weights. */
  void clear() {
    device.untrackPieces(pieces.size());
    pieces.clear();
  }
}
