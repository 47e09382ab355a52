// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import dev.knarr.os.Announcement;
import dev.knarr.os.ParentPipe;
import dev.knarr.testkit.peers.LlamaCppTree;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;

/** Stands for the program that the head starts a worker by, which another module makes. */
public final class OurWorkerProcess {
  /** What the application does itself, beside the worker. */
  private static final Set<String> OF_THE_APPLICATION =
      Set.of("management-port", "log-format", "announce");

  private OurWorkerProcess() {}

  /** Writes a launcher that takes the command line of {@code knarr worker}. */
  public static Path launcher(Path folder) throws IOException {
    Path script =
        Files.writeString(
            folder.resolve("knarr"),
            """
            #!/bin/sh
            [ "$1" = worker ] || exit 2
            shift
            exec "%s" "%s" --enable-native-access=ALL-UNNAMED -Xmx256m -cp "%s" %s "$@"
            """
                .formatted(
                    LlamaCppTree.program("with-ggml"),
                    Path.of(System.getProperty("java.home"), "bin", "java"),
                    System.getProperty("java.class.path"),
                    OurWorkerProcess.class.getName()));
    return Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  /** Runs a worker by options and their values until the parent ends. */
  public static void main(String[] args) throws InterruptedException {
    Map<String, String> options = new HashMap<>();
    for (int i = 0; i < args.length; i += 2) {
      options.put(args[i].substring(2), args[i + 1]);
    }
    Map<String, String> properties = new HashMap<>(options);
    properties.keySet().removeAll(OF_THE_APPLICATION);
    var end = new CountDownLatch(1);
    ParentPipe.follow(end::countDown, Duration.ofSeconds(10));
    try (var worker = OurWorker.configured(properties)) {
      Announcement.write(
          Path.of(options.get("announce")), Map.of("rpc", "127.0.0.1:" + worker.port()));
      end.await();
    }
  }
}
