// SPDX-License-Identifier: Apache-2.0
package dev.knarr.testkit.peers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/**
 * A stock program that runs for a test. Closing it ends it; so does the end of the test's JVM. Any
 * thread.
 */
final class PeerProcess implements AutoCloseable {

  private static final Duration START_LIMIT = Duration.ofSeconds(60);
  private static final long POLL_MILLIS = 20;

  private final Process process;
  private final Path output;
  private final Thread hook;

  private PeerProcess(Process process, Path output) {
    this.process = process;
    this.output = output;
    this.hook = Thread.ofPlatform().unstarted(process::destroyForcibly);
    Runtime.getRuntime().addShutdownHook(hook);
  }

  static PeerProcess start(List<String> command) {
    try {
      Path output = Files.createTempFile("knarr-peer", ".log");
      ProcessBuilder builder =
          new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile());
      LlamaCppTree.prepare(builder.environment());
      return new PeerProcess(builder.start(), output);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Waits until the condition holds; a process that ends first is an error with its output. */
  void awaitReady(BooleanSupplier ready) {
    long deadline = System.nanoTime() + START_LIMIT.toNanos();
    while (!ready.getAsBoolean()) {
      if (exitedWithin(POLL_MILLIS)) {
        String text = output();
        close();
        throw new IllegalStateException("A peer ended while it started: " + text);
      }
      if (System.nanoTime() > deadline) {
        String text = output();
        close();
        throw new IllegalStateException("A peer is not ready after " + START_LIMIT + ": " + text);
      }
    }
  }

  private boolean exitedWithin(long millis) {
    try {
      return process.waitFor(millis, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return true;
    }
  }

  Process process() {
    return process;
  }

  String output() {
    try {
      return Files.readString(output);
    } catch (IOException e) {
      return "(its output cannot be read: " + e.getMessage() + ")";
    }
  }

  @Override
  public void close() {
    process.destroyForcibly();
    boolean gone = exitedWithin(START_LIMIT.toMillis());
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
      Files.deleteIfExists(output);
    } catch (IllegalStateException _) {
      // The JVM is ending already: the hook does the same.
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    if (!gone) {
      throw new IllegalStateException("Process " + process.pid() + " cannot be ended");
    }
  }
}
