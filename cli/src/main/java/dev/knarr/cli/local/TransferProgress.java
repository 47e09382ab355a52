// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import dev.knarr.cli.model.TransferListener;
import dev.knarr.cli.terminal.ProgressLine;
import dev.knarr.plan.ByteSize;
import java.util.Locale;

/** Shows transfers: how much, how fast and how long yet. */
final class TransferProgress implements TransferListener {
  private final ProgressLine progress;

  TransferProgress(ProgressLine progress) {
    this.progress = progress;
  }

  @Override
  public void moved(String file, long doneBytes, long totalBytes, double bytesPerSecond) {
    progress.update("fetch " + file, text(file, doneBytes, totalBytes, bytesPerSecond));
  }

  static String text(String file, long doneBytes, long totalBytes, double bytesPerSecond) {
    var rate = ByteSize.format((long) bytesPerSecond) + "/s";
    if (totalBytes <= 0) {
      return "Fetching %s: %s, %s".formatted(file, ByteSize.format(doneBytes), rate);
    }
    long secondsLeft = (long) ((totalBytes - doneBytes) / Math.max(1, bytesPerSecond));
    return String.format(
        Locale.ROOT,
        "Fetching %s: %d %% of %s, %s, %s left",
        file,
        100 * doneBytes / totalBytes,
        ByteSize.format(totalBytes),
        rate,
        time(secondsLeft));
  }

  private static String time(long seconds) {
    if (seconds < 100) {
      return seconds + " s";
    }
    long minutes = (seconds + 30) / 60;
    return minutes < 100 ? minutes + " min" : minutes / 60 + " h " + minutes % 60 + " min";
  }

  @Override
  public void note(String sentence) {
    progress.line(sentence);
  }

  @Override
  public void done(String file, long bytes) {
    progress.line("Fetched %s (%s).".formatted(file, ByteSize.format(bytes)));
  }
}
