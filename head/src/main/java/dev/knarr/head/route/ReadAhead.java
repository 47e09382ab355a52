// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import dev.knarr.rpc.RouteRequest;
import dev.knarr.rpc.RouteRequest.Range;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.wire.RpcClientChannel;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What was asked for before the client did. An answer that comes first waits for the client, a
 * client that comes first gets the answer from the link's thread. What has been read is good until
 * something else is computed or the range is written; a wrong guess is dropped. The client's thread
 * only, but for the answers.
 */
final class ReadAhead {
  private final WorkerLink link;
  private final ClientAnswers client;
  private final RouterMeters meters;
  private final List<Guess> guesses = new ArrayList<>();

  ReadAhead(WorkerLink link, ClientAnswers client, RouterMeters meters) {
    this.link = link;
    this.client = client;
    this.meters = meters;
  }

  /** Asks for what a graph that was just sent is expected to be read by. */
  void expect(GraphUse use) throws WorkerLostException {
    for (var range : use.expected()) {
      var guess = new Guess(range);
      guesses.add(guess);
      link.send(new RouteRequest.Read(range), guess);
    }
  }

  /** Answers the client's read, now or when the bytes are here; false when nobody has asked. */
  boolean take(Range range) throws IOException {
    for (var guess : guesses) {
      if (guess.range.equals(range)) {
        guesses.remove(guess);
        guess.claim();
        return true;
      }
    }
    return false;
  }

  /** Something else is computed, or may be: what was read before is of no use. */
  void forget() {
    guesses.forEach(Guess::drop);
    guesses.clear();
  }

  /** A range is written. */
  void forget(Range written) {
    if (!guesses.isEmpty()) {
      guesses.removeIf(guess -> guess.dropIfIn(written));
    }
  }

  /** One read that nobody has asked for yet. */
  private final class Guess implements WorkerLink.Answer {
    private final Range range;

    /** Guarded by this, as what follows. */
    private boolean claimed;

    private boolean dropped;
    private @Nullable ByteBuffer arrived;

    private Guess(Range range) {
      this.range = range;
    }

    private void claim() throws IOException {
      ByteBuffer bytes;
      synchronized (this) {
        claimed = true;
        bytes = arrived;
      }
      if (bytes != null) {
        client.data(bytes);
      }
    }

    private synchronized void drop() {
      meters.readWasted();
      dropped = true;
      arrived = null;
    }

    private boolean dropIfIn(Range written) {
      boolean within =
          range.buffer() == written.buffer()
              && range.offset() < written.offset() + written.bytes()
              && written.offset() < range.offset() + range.bytes();
      if (within) {
        drop();
      }
      return within;
    }

    @Override
    public void accept(RpcResponse response, RpcClientChannel from) throws IOException {
      boolean wanted;
      synchronized (this) {
        wanted = claimed;
      }
      if (wanted) {
        client.passOn(from);
        return;
      }
      var bytes = ByteBuffer.allocateDirect((int) from.dataRemaining());
      from.receiveData(bytes);
      bytes.flip();
      synchronized (this) {
        wanted = claimed;
        if (!wanted && !dropped) {
          arrived = bytes;
        }
      }
      if (wanted) {
        client.data(bytes);
      }
    }
  }
}
