// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.model;

import dev.knarr.head.api.FetchReason;
import dev.knarr.head.api.FetchState;
import dev.knarr.head.api.FetchStatus;
import dev.knarr.head.api.PodIdentity;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** What is known of a fetch at this moment. Any thread; each call is atomic. */
public final class FetchProgress implements TransferListener {
  private static final int LINES = 10;

  private final @Nullable PodIdentity identity;
  private final Consumer<String> log;
  private final Map<String, Size> files = new LinkedHashMap<>();
  private FetchState state = FetchState.FETCHING;
  private FetchReason reason = FetchReason.MODEL_FETCHING;
  private String message = "Looking for what is to be fetched.";
  private int tenths;

  private record Size(long bytes, long total) {}

  /**
   * Nothing is known yet.
   *
   * @param log takes a line now and then
   */
  public FetchProgress(@Nullable PodIdentity identity, Consumer<String> log) {
    this.identity = identity;
    this.log = log;
  }

  /** Says what is being done. */
  public synchronized void enter(FetchState next, FetchReason why, String sentence) {
    state = next;
    reason = why;
    message = sentence;
    log.accept(sentence);
  }

  /** A file that will be here; its size is -1 where nobody knows it yet. */
  synchronized void expect(String file, long bytes, long total) {
    files.put(file, new Size(bytes, total));
  }

  @Override
  public synchronized void moved(String file, long doneBytes, long totalBytes, double rate) {
    files.put(file, new Size(doneBytes, totalBytes));
    state = FetchState.FETCHING;
    reason = FetchReason.MODEL_FETCHING;
    int now = percent() * LINES / 100;
    if (now > tenths) {
      tenths = now;
      log.accept("%d %%".formatted(now * 100 / LINES));
    }
  }

  @Override
  public synchronized void verifying(String file) {
    enter(
        FetchState.VERIFYING,
        FetchReason.MODEL_VERIFYING,
        "Reading what an earlier run has brought of %s.".formatted(file));
  }

  @Override
  public synchronized void note(String sentence) {
    message = sentence;
    log.accept(sentence);
  }

  @Override
  public synchronized void done(String file, long bytes) {
    files.put(file, new Size(bytes, bytes));
    log.accept("%s is complete and checked.".formatted(file));
  }

  private long bytes() {
    return files.values().stream().mapToLong(Size::bytes).sum();
  }

  private long total() {
    return files.values().stream().mapToLong(size -> Math.max(size.bytes(), size.total())).sum();
  }

  private int percent() {
    long total = total();
    if (state == FetchState.DONE) {
      return 100;
    }
    return total == 0 ? 0 : (int) (bytes() * 100.0 / total);
  }

  /** Returns what is known at this moment. */
  public synchronized FetchStatus status() {
    return new FetchStatus(identity, state, percent(), bytes(), total(), reason, message);
  }
}
