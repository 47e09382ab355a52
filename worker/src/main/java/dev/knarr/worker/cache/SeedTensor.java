// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.cache;

import dev.knarr.worker.cache.CheckedReader.Source;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * A tensor in a local model file. Immutable.
 *
 * @param file the file as it was when the tensor was hashed
 * @param offset where its data begins
 */
record SeedTensor(Path file, FileStamp stamp, long offset, Fingerprint fingerprint) {
  /**
   * Opens its file, if that is still as it was. The stamp only saves work: the proof of the bytes
   * is their digests.
   *
   * @throws CacheException if the file has changed or cannot be read
   */
  Source open() {
    try {
      if (!FileStamp.of(file).equals(stamp)) {
        throw new CacheException(CacheFault.CHANGED, file + " has changed since it was indexed");
      }
      return new Source(
          file,
          FileChannel.open(file, StandardOpenOption.READ),
          offset,
          fingerprint.key().bytes(),
          fingerprint.digests());
    } catch (IOException e) {
      throw new CacheException(
          CacheFault.UNREADABLE, "%s cannot be read: %s".formatted(file, e), e);
    }
  }
}
