// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.wire;

/** Told of every frame at its end, on the thread that feeds the {@link FrameScanner}. */
@FunctionalInterface
public interface FrameListener {
  /** A listener that wants nothing. */
  FrameListener NONE = (frame, scanner) -> {};

  /**
   * The last byte of a frame has been fed.
   *
   * @param scanner to ask for more, such as {@link FrameScanner#tensor}, during this call only
   */
  void frame(ScannedFrame frame, FrameScanner scanner);
}
