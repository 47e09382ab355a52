// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * A worker in a process of its own, on the CPU, with a cache folder: one that can be killed, or put
 * where the disk is small. It ends when its input ends.
 */
final class CachingWorkerProcess implements AutoCloseable {
  private final Process process;
  private final BufferedReader answers;
  private final int port;

  private CachingWorkerProcess(List<String> before, Path folder) throws IOException {
    var command = new ArrayList<>(before);
    command.addAll(
        List.of(
            Path.of("..", "testkit", "jvm", "bin", "java").toAbsolutePath().toString(),
            "--enable-native-access=ALL-UNNAMED",
            "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
            "-cp",
            System.getProperty("java.class.path"),
            CachingWorkerProcess.class.getName(),
            folder.toString()));
    process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    answers = process.inputReader(UTF_8);
    port = Integer.parseInt(answer());
  }

  static CachingWorkerProcess start(Path folder) throws IOException {
    return new CachingWorkerProcess(List.of(), folder);
  }

  /** With a disk of its own for the folder, which only it and its children see. */
  static CachingWorkerProcess onSmallDisk(Path folder, String size) throws IOException {
    return new CachingWorkerProcess(
        List.of(
            "unshare",
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            "mount -t tmpfs -o size=%s tmpfs '%s' && exec \"$@\"".formatted(size, folder),
            "sh"),
        folder);
  }

  /** Whether this system lets a user mount a disk in a namespace. */
  static boolean canMount() throws IOException, InterruptedException {
    return new ProcessBuilder(
                "unshare",
                "--user",
                "--map-root-user",
                "--mount",
                "mount",
                "-t",
                "tmpfs",
                "t",
                "/mnt")
            .start()
            .waitFor()
        == 0;
  }

  private String answer() throws IOException {
    String line = answers.readLine();
    while (line != null && !line.startsWith("= ")) {
      line = answers.readLine();
    }
    return Objects.requireNonNull(line, "The worker has ended").substring(2);
  }

  int port() {
    return port;
  }

  /** The sum of a counter of the worker, over all tags or those of one reason. */
  long count(String meter, String reason) throws IOException {
    var out = process.outputWriter(UTF_8);
    out.write(meter + " " + reason + "\n");
    out.flush();
    return Long.parseLong(answer());
  }

  /** Ends it as the kernel does when memory is short: without a word. */
  void kill() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  @Override
  public void close() {
    process.destroyForcibly().onExit().join();
  }

  public static void main(String[] args) throws IOException {
    var config = TestConfig.withDevices("CPU").withCache(Path.of(args[0]), "1Gi");
    try (var worker = RunningWorker.configured(config);
        var questions = new BufferedReader(new InputStreamReader(System.in, UTF_8))) {
      System.out.println("= " + worker.port());
      for (var line = questions.readLine(); line != null; line = questions.readLine()) {
        var words = line.split(" ", -1);
        System.out.println(
            "= "
                + (words[1].isEmpty()
                    ? worker.count(words[0])
                    : worker.count(words[0], "reason", words[1])));
      }
    }
  }
}
