// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.wire;

/**
 * How one direction of a connection gets on, for a watchdog that closes a connection whose peer
 * stops in the middle of a message or no longer reads. The channel's own thread writes it, at the
 * price of a few stores per call into the socket; any thread may look.
 */
public final class TransferProgress {
  private volatile long messages;
  private volatile long bytes;
  private volatile boolean waiting;

  /** The channel's thread's: whether a message has begun that has not ended. */
  private boolean inMessage;

  /** The channel's thread's: whether the message is of use, and lets go of memory, only whole. */
  private boolean held;

  TransferProgress() {}

  /**
   * Where the transfer is.
   *
   * @param messages begun so far
   * @param bytes moved so far, but for those of messages that are of use only as a whole
   * @param waiting whether the channel waits for the peer, with a message begun and not ended
   */
  public record Mark(long messages, long bytes, boolean waiting) {}

  /** Where the transfer is now. */
  public Mark mark() {
    return new Mark(messages, bytes, waiting);
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // one thread writes
  void messageBegins() {
    inMessage = true;
    held = false;
    messages++;
  }

  /** The message is kept in memory until it is complete: its single bytes are no progress. */
  void messageIsHeld() {
    held = true;
  }

  void messageEnds() {
    inMessage = false;
  }

  void callBegins() {
    waiting = inMessage;
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // one thread writes
  void callEnds(int moved) {
    waiting = false;
    if (!held && moved > 0) {
      bytes += moved;
    }
  }
}
