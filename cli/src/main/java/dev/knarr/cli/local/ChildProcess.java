// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import dev.knarr.cli.model.ModelStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * A worker or head that this process started: {@code knarr COMMAND …}, its output in a log file.
 *
 * <p>It lives in a session of its own, so that Ctrl-C on the terminal reaches the launcher only,
 * which then stops everything in order. It holds the reading end of a pipe and ends when that
 * closes, which the kernel sees to even when the launcher is killed. Owned by the cluster, which
 * stops it; may be called by any thread.
 */
final class ChildProcess {
  private final String part;
  private final Process process;
  private final Path log;
  private final Path announcement;

  private ChildProcess(String part, Process process, Path log, Path announcement) {
    this.part = part;
    this.process = process;
    this.log = log;
    this.announcement = announcement;
  }

  /**
   * Starts {@code knarr} with {@code arguments}, to which {@code --announce} is added.
   *
   * @param part its name in messages and of its files
   * @param environment added to this process's own
   */
  static ChildProcess start(
      Installation installation,
      RunFolder folder,
      String part,
      List<String> arguments,
      Map<String, String> environment) {
    var announcement = folder.announcement(part);
    var command = new ArrayList<String>();
    Programs.onPath("setsid").ifPresent(program -> command.add(program.toString()));
    command.add(installation.script().toString());
    command.addAll(arguments);
    command.add("--announce");
    command.add(announcement.toString());
    var builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.redirectOutput(ProcessBuilder.Redirect.appendTo(folder.log(part).toFile()));
    builder.redirectInput(ProcessBuilder.Redirect.PIPE);
    builder.environment().remove(ModelStore.TOKEN_VARIABLE);
    builder.environment().putAll(environment);
    builder.environment().put("KNARR_PARENT_PIPE", "1");
    try {
      Files.deleteIfExists(announcement); // An earlier head of this run may have left one.
      return new ChildProcess(part, builder.start(), folder.log(part), announcement);
    } catch (IOException e) {
      throw new LocalException(
          "%s cannot be started by %s: %s.".formatted(part, command, e.getMessage()), e);
    }
  }

  String part() {
    return part;
  }

  Path log() {
    return log;
  }

  Path announcement() {
    return announcement;
  }

  long pid() {
    return process.pid();
  }

  boolean isAlive() {
    return process.isAlive();
  }

  /** How it ended, in words; only when it has ended. */
  String ending() {
    int code = process.exitValue();
    // A shell's convention, and the JDK's: 128 and the number of the signal.
    return code > 128 ? "was ended by signal " + (code - 128) : "ended with exit code " + code;
  }

  /** Asks it to stop. */
  void requestStop() {
    process.destroy();
  }

  /** Waits for its end; false where it did not come in time. */
  boolean awaitEnd(Duration limit) throws InterruptedException {
    return process.waitFor(Math.max(0, limit.toNanos()), TimeUnit.NANOSECONDS);
  }

  /** Ends it and what it started, at once. */
  void kill() {
    process.descendants().forEach(ProcessHandle::destroyForcibly);
    process.destroyForcibly();
  }
}
