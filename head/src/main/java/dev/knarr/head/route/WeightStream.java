// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import dev.knarr.head.relay.Failures;
import dev.knarr.rpc.Fnv1a;
import dev.knarr.rpc.RouteRequest;
import dev.knarr.rpc.RouteRequest.Range;
import dev.knarr.rpc.RouteResponse;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.wire.RpcClientChannel;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.OptionalLong;
import java.util.Queue;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Weights on their way to one worker: each is offered by its hash, and sent when the worker does
 * not find it, while the client goes on with the next, for this worker or another. Whatever else is
 * sent to the worker waits until all weights before it are there ({@link #settle}). The client's
 * thread adds, one of the stream's own sends, and the link's brings answers.
 */
final class WeightStream implements WorkerLink.Ahead, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(WeightStream.class);

  /** What is shorter is sent faster than it is asked for. */
  static final long LEAST_BYTES = 1 << 10;

  /** The most that one piece may hold in memory. */
  static final int LARGEST_HELD_BYTES = 16 << 20;

  /** The most that all of them may. */
  private static final long HELD_BYTES = 2L * LARGEST_HELD_BYTES;

  /** Each takes some heap; the largest models have some 2,000 tensors. */
  private static final int MOST_PIECES = 1 << 14;

  /** Offers without an answer, far less than a channel allows. */
  private static final int MOST_OFFERED = 64;

  /** Enough offers to keep the worker's answers ahead of the data. */
  private static final int OFFERED_AHEAD = 8;

  private static final int CHUNK_BYTES = 1 << 20;

  private final WorkerLink link;
  private final String name;
  private final Settled settled;
  private final Queue<Piece> fresh = new ArrayDeque<>(); // guarded by this, as what follows
  private final Queue<Piece> refused = new ArrayDeque<>();
  private int offered;
  private int unsettled;
  private long heldBytes;
  private boolean started;
  private boolean closed;
  private @Nullable WorkerLostException failure;

  /** Hears of weights that have come to the worker. */
  interface Settled {
    void settled(Piece piece, boolean known);
  }

  /**
   * Some weights.
   *
   * @param tensor name of the tensor, for progress only
   * @param device position of the device on the worker
   */
  record Piece(Range range, String tensor, int device, OptionalLong hash, Content content) {}

  WeightStream(WorkerLink link, String name, Settled settled) {
    this.link = link;
    this.name = name;
    this.settled = settled;
  }

  /**
   * Takes weights over; waits while too much is held.
   *
   * @param asked whether the worker has been asked for them, in vain
   */
  synchronized void add(Piece piece, boolean asked) throws WorkerLostException {
    long held = piece.content.heldBytes();
    awaitWhile(() -> unsettled >= MOST_PIECES || (heldBytes > 0 && heldBytes + held > HELD_BYTES));
    heldBytes += held;
    unsettled++;
    (asked ? refused : fresh).add(piece);
    if (!started) {
      started = true;
      Thread.ofPlatform().name(name).daemon(true).start(this::run);
    }
    notifyAll();
  }

  /** Waits until all weights are at the worker, and nothing of them is left to be sent. */
  @Override
  public synchronized void settle() throws WorkerLostException {
    awaitWhile(() -> unsettled > 0);
  }

  /** Whether {@link #settle} would not wait. */
  synchronized boolean isSettled() {
    return unsettled == 0;
  }

  private interface Condition {
    boolean holds();
  }

  private synchronized void awaitWhile(Condition condition) throws WorkerLostException {
    while (failure == null && !closed && condition.holds()) {
      try {
        wait();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new WorkerLostException("the router stops");
      }
    }
    if (failure != null) {
      throw failure;
    }
  }

  private void run() {
    try (Arena arena = Arena.ofConfined()) {
      var chunk = arena.allocate(CHUNK_BYTES, 64).asByteBuffer();
      for (var next = next(); next != null; next = next()) {
        if (next.asked) {
          send(next.piece, chunk);
        } else {
          offer(next.piece, chunk);
        }
      }
    } catch (WorkerLostException e) {
      fail(e);
    } catch (IOException e) {
      LOG.warn("Weights cannot be read for {}: {}", link.worker().name(), e.toString());
      link.close();
      fail(new WorkerLostException("weights cannot be read: " + Failures.describe(e)));
    } catch (RuntimeException e) {
      LOG.error("Weights for {} cannot be sent", link.worker().name(), e);
      link.close();
      fail(new WorkerLostException("weights cannot be sent after a fault of the router"));
    }
  }

  private record Next(Piece piece, boolean asked) {}

  /** What to do next; null when there will be nothing any more. */
  private synchronized @Nullable Next next() {
    while (!closed && failure == null) {
      boolean behind = offered + refused.size() < OFFERED_AHEAD;
      if (!fresh.isEmpty() && (behind || (refused.isEmpty() && offered < MOST_OFFERED))) {
        offered++;
        return new Next(fresh.remove(), false);
      }
      if (!refused.isEmpty()) {
        return new Next(refused.remove(), true);
      }
      try {
        wait();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return null;
      }
    }
    return null;
  }

  private void offer(Piece piece, ByteBuffer chunk) throws IOException {
    long hash = piece.hash.isPresent() ? piece.hash.getAsLong() : hash(piece.content, chunk);
    var named =
        new Piece(piece.range, piece.tensor, piece.device, OptionalLong.of(hash), piece.content);
    link.sendNow(
        new RouteRequest.Offer(piece.range, hash),
        new WorkerLink.Answer() {
          @Override
          public void accept(RpcResponse response, RpcClientChannel from) {
            answered(named, ((RouteResponse.Offered) response).known());
          }

          @Override
          public void lost(WorkerLostException why) {
            fail(why);
          }
        });
    link.flush();
  }

  private static long hash(Content content, ByteBuffer chunk) throws IOException {
    var known = content.hash();
    if (known.isPresent()) {
      return known.getAsLong();
    }
    long hash = Fnv1a.EMPTY;
    for (long done = 0; done < content.bytes(); done += chunk.limit()) {
      content.read(done, chunk.clear().limit((int) Math.min(CHUNK_BYTES, content.bytes() - done)));
      hash = Fnv1a.update(hash, chunk.flip());
    }
    content.is(hash);
    return hash;
  }

  private void answered(Piece piece, boolean known) {
    synchronized (this) {
      offered--;
      if (!known) {
        refused.add(piece);
        notifyAll();
        return;
      }
    }
    done(piece, true);
  }

  private void send(Piece piece, ByteBuffer chunk) throws IOException {
    long bytes = piece.range.bytes();
    link.sendNow(new RouteRequest.Weights(piece.range, piece.hash.orElseThrow()));
    for (long done = 0; done < bytes; done += CHUNK_BYTES) {
      piece.content.read(done, chunk.clear().limit((int) Math.min(CHUNK_BYTES, bytes - done)));
      link.sendData(chunk.flip());
    }
    link.flush();
    done(piece, false);
  }

  private void done(Piece piece, boolean known) {
    settled.settled(piece, known);
    synchronized (this) {
      unsettled--;
      heldBytes -= piece.content.heldBytes();
      notifyAll();
    }
  }

  private synchronized void fail(WorkerLostException why) {
    if (failure == null) {
      failure = why;
    }
    fresh.clear();
    refused.clear();
    notifyAll();
  }

  @Override
  public synchronized void close() {
    closed = true;
    fresh.clear();
    refused.clear();
    notifyAll();
  }
}
