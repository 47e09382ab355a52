// SPDX-License-Identifier: Apache-2.0
package dev.knarr.testkit.kube;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Assumptions;

/** The Kubernetes programs that scripts/cluster/kube-tools.sh builds. Any thread. */
public final class KubePrograms {
  private static final Path SETPRIV = Path.of("/usr/bin/setpriv");

  private KubePrograms() {}

  /** The folder that kube-tools.sh was given, whether it is there or not. */
  public static Path directory() {
    var tests = System.getenv("KUBE_API_TEST_DIR");
    if (tests != null) {
      return Path.of(tests).resolve("..").normalize();
    }
    var cache = System.getenv("KNARR_CACHE");
    var xdg = System.getenv("XDG_CACHE_HOME");
    var base = xdg == null ? Path.of(System.getProperty("user.home"), ".cache") : Path.of(xdg);
    return (cache == null ? base.resolve("knarr") : Path.of(cache)).resolve("cluster");
  }

  /**
   * A program such as {@code kubectl}. Where it is absent the calling test is aborted with a
   * sentence that says what was not run, and with {@code KNARR_CI=1} it fails.
   */
  public static Path program(String name) {
    var program = directory().resolve("bin").resolve(name);
    if (!Files.isExecutable(program)) {
      absent(program);
    }
    return program;
  }

  /** Where kube-api-test finds its programs: the newest version of {@code kubeapitest/k8s}. */
  static Path apiServerPrograms() {
    var tests = System.getenv("KUBE_API_TEST_DIR");
    var versions =
        (tests == null ? directory().resolve("kubeapitest") : Path.of(tests)).resolve("k8s");
    var found = newest(versions);
    if (found.isEmpty()) {
      absent(versions);
    }
    return found.orElseThrow();
  }

  private static Optional<Path> newest(Path versions) {
    if (!Files.isDirectory(versions)) {
      return Optional.empty();
    }
    try (var folders = Files.list(versions)) {
      return folders
          .filter(folder -> Files.isExecutable(folder.resolve("kube-apiserver")))
          .filter(folder -> Files.isExecutable(folder.resolve("etcd")))
          .filter(folder -> Files.isExecutable(folder.resolve("kubectl")))
          .max((a, b) -> version(a).compareTo(version(b)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Runtime.Version version(Path folder) {
    return Runtime.Version.parse(folder.getFileName().toString().split("-", 2)[0]);
  }

  private static void absent(Path wanted) {
    var sentence =
        "Not run, since there is no %s: tests against a real Kubernetes API server. Get its programs with scripts/cluster/kube-tools.sh %s api"
            .formatted(wanted, directory());
    if ("1".equals(System.getenv("KNARR_CI"))) {
      throw new IllegalStateException(sentence);
    }
    Assumptions.abort(sentence);
  }

  /**
   * Words before a command that let the kernel kill it with the thread that started it; none where
   * util-linux is absent.
   */
  public static List<String> tie() {
    return Files.isExecutable(SETPRIV)
        ? List.of(SETPRIV.toString(), "--pdeathsig", "KILL", "--")
        : List.of();
  }

  /** A program's stand-in: a script that becomes the program, tied to the thread that starts it. */
  static void tied(Path program, Path script) throws IOException {
    var words = String.join(" ", tie());
    Files.writeString(script, "#!/bin/sh\nexec %s '%s' \"$@\"\n".formatted(words, program));
    Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwx------"));
  }
}
