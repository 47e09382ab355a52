// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.model;

/** Hears how a transfer goes on. Called by the thread that fetches. */
public interface TransferListener {
  /**
   * A file is on its way.
   *
   * @param file its name
   * @param doneBytes what is here, including what an earlier run fetched
   * @param totalBytes its size, or -1 where the server does not tell
   * @param bytesPerSecond the rate of this run
   */
  void moved(String file, long doneBytes, long totalBytes, double bytesPerSecond);

  /**
   * Something a user should see once: a transfer that goes on after a cut, a wait for another run.
   */
  void note(String sentence);

  /** What an earlier run has brought is read again, for its hash. */
  default void verifying(String file) {}

  /** A file is complete and checked. */
  void done(String file, long bytes);
}
