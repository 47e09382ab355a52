// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import dev.knarr.cli.terminal.ProgressLine;
import dev.knarr.os.TiedExec;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/**
 * Single workers and programs of llama.cpp, for a command that compares them: all from one tree of
 * ggml, their output in one folder, and ended with this process, however it ends. One platform
 * thread starts them and must live as long as they shall; {@link #close} may come from any thread.
 */
public final class LocalPrograms implements AutoCloseable {
  /** A JVM on a busy machine, and a GPU's driver that wakes up. */
  private static final Duration START_LIMIT = Duration.ofMinutes(2);

  private static final Duration STOP_LIMIT = Duration.ofSeconds(10);
  private static final long POLL_MILLIS = 20;

  private final Installation installation;
  private final RunFolder folder;
  private final LlamaTree tree;
  private final List<Process> tied = new ArrayList<>();
  private final List<ChildProcess> children = new ArrayList<>();
  private boolean closed;

  /** Makes the folder of logs; nothing is started or fetched yet. */
  public LocalPrograms(Installation installation, String run, ProgressLine progress) {
    this.installation = installation;
    this.folder =
        RunFolder.create(
            installation.cache().resolve("runs"), run, LocalDateTime.now(ZoneId.systemDefault()));
    this.tree = new LlamaTree(installation, progress);
  }

  /**
   * A worker that answers.
   *
   * @param address {@code host:port}
   * @param pid its process
   * @param log its output
   */
  public record StartedWorker(String address, long pid, Path log) {
    /** Whether its process still runs. */
    public boolean isAlive() {
      return ProcessHandle.of(pid).map(ProcessHandle::isAlive).orElse(false);
    }

    /** The last lines it has written, indented. */
    public String lastLines() {
      return Endings.lastLines(log);
    }
  }

  /** The folder of all output. */
  public Path folder() {
    return folder.path();
  }

  /** The version of the tree's llama.cpp, which is fetched where it is not there yet. */
  public String llamaVersion() {
    tree.ensure();
    try {
      return Files.readString(installation.llamaTree().resolve("VERSION"))
          .strip()
          .replaceFirst("^\\d+:", ""); // Debian's epoch says nothing to others.
    } catch (IOException e) {
      return "of unknown version";
    }
  }

  /** Starts a stock {@code ggml-rpc-server} on a free loopback port, without its cache. */
  public StartedWorker startStock(String name, int threads, List<String> devices)
      throws InterruptedException {
    int port = PortCheck.requireFree(0);
    var arguments =
        new ArrayList<>(
            List.of("-H", "127.0.0.1", "-p", Integer.toString(port), "-t", "" + threads));
    if (!devices.isEmpty()) {
      arguments.addAll(List.of("-d", String.join(",", devices)));
    }
    var log = folder.log(name);
    var process =
        start(
            "ggml-rpc-server", arguments, threads, ProcessBuilder.Redirect.to(log.toFile()), true);
    await(name, log, process::isAlive, () -> listens(port));
    return new StartedWorker("127.0.0.1:" + port, process.pid(), log);
  }

  /** Starts a worker of ours on a free loopback port; its own options win. */
  public StartedWorker startKnarr(
      String name, int threads, List<String> devices, List<String> options)
      throws InterruptedException {
    tree.ensure();
    var arguments = new ArrayList<>(List.of("worker", "--port", "0", "--management-port", "0"));
    if (!options.contains("--threads")) {
      arguments.addAll(List.of("--threads", Integer.toString(threads)));
    }
    if (!options.contains("--ggml-dir")) {
      arguments.addAll(List.of("--ggml-dir", installation.llamaTree().toString()));
    }
    if (!options.contains("--device")) {
      devices.forEach(device -> arguments.addAll(List.of("--device", device)));
    }
    arguments.addAll(options);
    var child =
        ChildProcess.start(
            installation,
            folder,
            name,
            arguments,
            Map.of("OMP_NUM_THREADS", Integer.toString(threads)));
    add(child);
    await(
        name,
        child.log(),
        child::isAlive,
        () -> Announcement.read(child.announcement()).isPresent());
    return new StartedWorker(
        Announcement.read(child.announcement()).orElseThrow().rpc(), child.pid(), child.log());
  }

  /**
   * Starts a program of llama.cpp whose output the caller reads.
   *
   * @param name the program, such as {@code llama-bench}
   * @param threads of OpenMP
   * @param joined whether its errors are to come among its output
   */
  public Process start(String name, List<String> arguments, int threads, boolean joined) {
    return start(name, arguments, threads, ProcessBuilder.Redirect.PIPE, joined);
  }

  private Process start(
      String name,
      List<String> arguments,
      int threads,
      ProcessBuilder.Redirect output,
      boolean joined) {
    tree.ensure();
    var program = installation.llamaTree().resolve("bin").resolve(name);
    var builder =
        new ProcessBuilder(TiedExec.command(program, arguments))
            .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
            .redirectOutput(output)
            .redirectErrorStream(joined);
    // Arguments that nobody has seen on the command line.
    builder.environment().keySet().removeIf(variable -> variable.startsWith("LLAMA_ARG_"));
    builder.environment().put("GGML_NO_BACKTRACE", "1");
    builder.environment().put("OMP_NUM_THREADS", Integer.toString(threads));
    try {
      var process = builder.start();
      add(process);
      return process;
    } catch (IOException e) {
      throw new LocalException("%s cannot be started: %s.".formatted(program, e.getMessage()), e);
    }
  }

  private void await(String name, Path log, BooleanSupplier alive, BooleanSupplier ready)
      throws InterruptedException {
    long deadline = System.nanoTime() + START_LIMIT.toNanos();
    while (!ready.getAsBoolean()) {
      if (!alive.getAsBoolean()) {
        throw new LocalException(
            "Worker %s ended while it started. Its log %s ends with:%n%s"
                .formatted(name, log, Endings.lastLines(log)));
      }
      if (System.nanoTime() > deadline) {
        throw new LocalException(
            "Worker %s has not opened its port within %d s. Its log %s ends with:%n%s"
                .formatted(name, START_LIMIT.toSeconds(), log, Endings.lastLines(log)));
      }
      Thread.sleep(POLL_MILLIS);
    }
  }

  private static boolean listens(int port) {
    try (var socket = new Socket()) {
      socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 1000);
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  private synchronized void add(Process process) {
    tied.removeIf(ended -> !ended.isAlive());
    tied.add(process);
    if (closed) {
      process.destroyForcibly(); // Came to life while everything else was being ended.
    }
  }

  private synchronized void add(ChildProcess child) {
    children.add(child);
    if (closed) {
      child.kill();
    }
  }

  /** Ends everything that was started, by force where it does not go within ten seconds. */
  @Override
  public void close() {
    List<Process> programs;
    List<ChildProcess> workers;
    synchronized (this) {
      closed = true;
      programs = List.copyOf(tied);
      workers = List.copyOf(children);
    }
    programs.forEach(Process::destroy);
    workers.forEach(ChildProcess::requestStop);
    long deadline = System.nanoTime() + STOP_LIMIT.toNanos();
    try {
      for (var program : programs) {
        if (!program.waitFor(deadline - System.nanoTime(), TimeUnit.NANOSECONDS)) {
          program.destroyForcibly();
        }
      }
      for (var worker : workers) {
        if (!worker.awaitEnd(Duration.ofNanos(deadline - System.nanoTime()))) {
          worker.kill();
        }
      }
    } catch (InterruptedException e) {
      programs.forEach(Process::destroyForcibly);
      workers.forEach(ChildProcess::kill);
      Thread.currentThread().interrupt();
    }
  }
}
