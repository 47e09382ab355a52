// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.model;

import dev.knarr.head.api.FetchReason;
import dev.knarr.plan.ByteSize;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A file on its way: the bytes so far, their hash and what the server said about the whole. Owned
 * by one attempt, which closes it.
 */
final class PartFile implements AutoCloseable {
  private static final int CHUNK_BYTES = 256 * 1024;
  private static final byte[] GGUF = "GGUF".getBytes(StandardCharsets.US_ASCII);

  private final FileChannel channel;
  private final Path recordFile;
  private FileRecord record;
  private MessageDigest digest = Sha256.start();
  private long hashedBytes;

  private PartFile(FileChannel channel, Path recordFile, FileRecord record) {
    this.channel = channel;
    this.recordFile = recordFile;
    this.record = record;
  }

  /** Opens what an earlier attempt left, or an empty file. */
  static PartFile open(Path part, Path recordFile) throws IOException {
    var channel =
        FileChannel.open(
            part, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    try {
      var record = FileRecord.read(recordFile).orElse(new FileRecord("", "", "", -1));
      return new PartFile(channel, recordFile, record);
    } catch (IOException e) {
      channel.close();
      throw e;
    }
  }

  long sizeBytes() throws IOException {
    return channel.size();
  }

  /** Of the whole file; -1 while unknown. */
  long totalBytes() {
    return record.totalBytes();
  }

  Optional<String> validator() {
    return Optional.of(record.validator()).filter(validator -> !validator.isEmpty());
  }

  Optional<String> publishedSha256() {
    return Optional.of(record.publishedSha256()).filter(hash -> !hash.isEmpty());
  }

  /** Whether going on is safe: something will tell if the server's file is another one by now. */
  boolean resumable(Download download) throws IOException {
    return channel.size() > 0
        && record.url().equals(download.address())
        && (validator().isPresent()
            || publishedSha256().isPresent()
            || download.sha256().isPresent());
  }

  /** Whether a partial answer belongs to the bytes that are here. */
  boolean continues(Download download, HttpExchange answer) {
    var offered = answer.describe(download);
    return (record.totalBytes() < 0
            || offered.totalBytes() < 0
            || record.totalBytes() == offered.totalBytes())
        && record.publishedSha256().equals(offered.publishedSha256());
  }

  /** Forgets all bytes. */
  void reset() throws IOException {
    channel.truncate(0);
    digest = Sha256.start();
    hashedBytes = 0;
    Files.deleteIfExists(recordFile);
    record = new FileRecord("", "", "", -1);
  }

  /** Writes down what the server says, so that a later run can go on. */
  void begin(FileRecord described) throws IOException {
    described.write(recordFile);
    record = described;
  }

  /**
   * Takes the rest of the file from {@code body}.
   *
   * @throws Downloader.BrokenTransfer where the body ends early or stalls
   */
  void append(Download download, InputStream body, Duration stall, TransferListener listener)
      throws IOException {
    long have = channel.size();
    if (have > hashedBytes) {
      listener.verifying(download.name());
    }
    hashUpTo(have);
    channel.position(have);
    var chunk = new byte[CHUNK_BYTES];
    long started = System.nanoTime();
    long startBytes = have;
    try (var watch = StallWatch.over(body, stall)) {
      while (true) {
        int read = readChunk(body, chunk, watch, stall);
        if (read < 0) {
          break;
        }
        watch.moved();
        if (have == 0) {
          requireGguf(download, chunk, read);
        }
        write(download, chunk, read);
        digest.update(chunk, 0, read);
        have += read;
        hashedBytes = have;
        double seconds = Math.max(1e-3, (System.nanoTime() - started) / 1e9);
        listener.moved(download.name(), have, totalBytes(), (have - startBytes) / seconds);
      }
    }
    if (totalBytes() >= 0 && have != totalBytes()) {
      throw new Downloader.BrokenTransfer(
          new EOFException(
              "the connection ended after %s of %s"
                  .formatted(ByteSize.format(have), ByteSize.format(totalBytes()))));
    }
  }

  private static int readChunk(InputStream body, byte[] chunk, StallWatch watch, Duration stall) {
    try {
      // Full chunks, except where the file begins: its first bytes tell whether it is a model.
      return body.read(chunk);
    } catch (IOException e) {
      throw new Downloader.BrokenTransfer(
          watch.stalled()
              ? new IOException("nothing came for %d s".formatted(stall.toSeconds()), e)
              : new IOException("the connection broke", e));
    }
  }

  private void write(Download download, byte[] chunk, int length) throws IOException {
    var buffer = ByteBuffer.wrap(chunk, 0, length);
    try {
      while (buffer.hasRemaining()) {
        channel.write(buffer);
      }
    } catch (IOException e) {
      throw Downloader.unwritable(download, e);
    }
  }

  /** A login page in place of the file shows in its first bytes: better now than after hours. */
  private void requireGguf(Download download, byte[] chunk, int length) throws IOException {
    int common = Math.min(length, GGUF.length);
    if (!Arrays.equals(chunk, 0, common, GGUF, 0, common)) {
      reset();
      throw new ModelException(
          FetchReason.MODEL_UNREADABLE,
          "What %s sends is no GGUF file (it begins with '%s'): correct the address."
              .formatted(
                  download.address(),
                  new String(chunk, 0, Math.min(length, 16), StandardCharsets.ISO_8859_1)
                      .replaceAll("[^ -~]", ".")));
    }
  }

  /** The hash of all bytes that are here. */
  String sha256() throws IOException {
    hashUpTo(channel.size());
    var finished = HexFormat.of().formatHex(digest.digest());
    hashedBytes = 0;
    return finished;
  }

  /** Bytes of an earlier run have to be read once more: a hash cannot be put aside. */
  private void hashUpTo(long end) throws IOException {
    if (hashedBytes > end) {
      digest = Sha256.start();
      hashedBytes = 0;
    }
    var buffer = ByteBuffer.allocate(CHUNK_BYTES);
    while (hashedBytes < end) {
      buffer.clear().limit((int) Math.min(CHUNK_BYTES, end - hashedBytes));
      int read = channel.read(buffer, hashedBytes);
      if (read < 0) {
        throw new EOFException("the file became shorter while it was read");
      }
      digest.update(buffer.flip());
      hashedBytes += read;
    }
  }

  void sync() throws IOException {
    channel.force(true);
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }

  /** Closes a body that brings nothing for too long, which ends the read that waits for it. */
  private static final class StallWatch implements AutoCloseable {
    private final AtomicLong lastMove = new AtomicLong(System.nanoTime());
    private final AtomicBoolean stalled = new AtomicBoolean();
    private final Thread thread;

    private StallWatch(InputStream body, Duration limit) {
      thread =
          Thread.ofVirtual()
              .name("stall-watch")
              .start(
                  () -> {
                    try {
                      while (true) {
                        long left = lastMove.get() + limit.toNanos() - System.nanoTime();
                        if (left <= 0) {
                          stalled.set(true);
                          body.close();
                          return;
                        }
                        Thread.sleep(Duration.ofNanos(left));
                      }
                    } catch (InterruptedException | IOException e) {
                      // Closed, or the body is gone already: nothing left to watch.
                    }
                  });
    }

    static StallWatch over(InputStream body, Duration limit) {
      return new StallWatch(body, limit);
    }

    void moved() {
      lastMove.set(System.nanoTime());
    }

    boolean stalled() {
      return stalled.get();
    }

    @Override
    public void close() {
      thread.interrupt();
    }
  }
}
