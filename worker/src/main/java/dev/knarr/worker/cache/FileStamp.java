// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.cache;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.concurrent.TimeUnit;

/**
 * By what a change of a file is noticed without reading it. Immutable.
 *
 * @param bytes its size
 * @param modifiedNanos when it was last changed, since 1970
 * @param identity device and inode, or empty where the file system has none
 */
record FileStamp(long bytes, long modifiedNanos, String identity) {
  static FileStamp of(Path file) throws IOException {
    var attributes = Files.readAttributes(file, BasicFileAttributes.class);
    var key = attributes.fileKey();
    return new FileStamp(
        attributes.size(),
        attributes.lastModifiedTime().to(TimeUnit.NANOSECONDS),
        key == null ? "" : key.toString());
  }
}
