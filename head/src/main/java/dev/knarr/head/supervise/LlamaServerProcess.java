// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A running llama-server. Any thread. One platform thread starts it, pumps its output and lives as
 * long as it: the signal that ends an orphan is tied to the thread that started it.
 */
final class LlamaServerProcess implements AutoCloseable {

  private static final Logger OUTPUT = LoggerFactory.getLogger("llama-server");
  private static final Duration KILL_LIMIT = Duration.ofSeconds(10);

  private final CompletableFuture<Process> started = new CompletableFuture<>();
  private final CompletableFuture<Integer> ended = new CompletableFuture<>();
  private final OutputTail tail = new OutputTail();
  private final ChildCommand command;

  /** When it has printed something, by {@link System#nanoTime}. */
  private volatile long printed = System.nanoTime();

  /** Whether nobody waits for it any more; set by the starter, read by the child's thread. */
  private volatile boolean abandoned;

  private LlamaServerProcess(ChildCommand command) {
    this.command = command;
  }

  /**
   * Starts the program.
   *
   * @throws IOException when it cannot be started
   */
  static LlamaServerProcess start(ChildCommand command) throws IOException, InterruptedException {
    LlamaServerProcess child = new LlamaServerProcess(command);
    Thread.ofPlatform().name("llama-server").daemon(true).start(child::run);
    try {
      child.started.get();
      return child;
    } catch (InterruptedException e) {
      child.abandoned = true;
      if (child.started.state() == Future.State.SUCCESS) {
        child.started.resultNow().destroyForcibly();
      }
      throw e;
    } catch (ExecutionException e) {
      Throwable cause = e.getCause() == null ? e : e.getCause();
      throw new IOException("Cannot start " + command.program() + ": " + cause.getMessage(), cause);
    }
  }

  private void run() {
    Process process;
    try {
      process = command.processBuilder().start();
    } catch (IOException | RuntimeException e) {
      started.completeExceptionally(e);
      return;
    }
    started.complete(process);
    if (abandoned) {
      process.destroyForcibly();
    }
    int status = -1;
    try {
      pump(process);
      status = process.waitFor();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      process.destroyForcibly();
    } finally {
      ended.complete(status);
    }
  }

  private void pump(Process process) {
    try (BufferedReader output =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
      for (String line = output.readLine(); line != null; line = output.readLine()) {
        tail.add(line);
        printed = System.nanoTime();
        if (OutputTail.isError(line)) {
          OUTPUT.warn("{}", line);
        } else {
          OUTPUT.debug("{}", line);
        }
      }
    } catch (IOException e) {
      OUTPUT.debug("The output of llama-server broke off", e);
    }
  }

  long pid() {
    return started.join().pid();
  }

  boolean isAlive() {
    return !ended.isDone();
  }

  /** Returns a future that holds the exit status once the process has ended. */
  CompletableFuture<Integer> ended() {
    return ended.copy();
  }

  /** How long it has printed nothing. */
  Duration silence() {
    return Duration.ofNanos(System.nanoTime() - printed);
  }

  OutputTail tail() {
    return tail;
  }

  /** Returns how it ended, with its last error lines: a sentence without a full stop. */
  String obituary() {
    int status = ended.getNow(-1);
    if (status <= 128) {
      return "llama-server ended with status " + status + " and printed " + tail.quote();
    }
    String how = "llama-server was ended by signal " + (status - 128);
    // Who is killed from outside has said nothing of it: its last lines would only mislead.
    return tail.hasErrors() ? how + " and printed " + tail.quote() : how;
  }

  /** Asks it to end, and kills it when the limit has passed. Returns when it is gone. */
  void stop(Duration limit) {
    Process process = started.join();
    // SIGTERM makes it finish cleanly: it says goodbye to the workers, which free its buffers.
    process.destroy();
    if (!awaitEnd(limit)) {
      OUTPUT.warn(
          "llama-server (pid {}) did not end within {} s: killed", pid(), limit.toSeconds());
      kill();
    }
  }

  /** Ends it at once. Returns when it is gone. */
  void kill() {
    started.join().destroyForcibly();
    if (!awaitEnd(KILL_LIMIT)) {
      OUTPUT.error("llama-server (pid {}) survives SIGKILL: look at the machine", pid());
    }
  }

  @Override
  public void close() {
    if (isAlive()) {
      kill();
    }
  }

  private boolean awaitEnd(Duration limit) {
    try {
      ended.get(limit.toMillis(), TimeUnit.MILLISECONDS);
      return true;
    } catch (TimeoutException e) {
      return false;
    } catch (InterruptedException e) {
      started.join().destroyForcibly();
      Thread.currentThread().interrupt();
      return false;
    } catch (ExecutionException e) {
      throw new IllegalStateException("The thread of llama-server failed", e);
    }
  }
}
