// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PayloadTest {
  private static final FileTime LONG_AGO = FileTime.from(Instant.parse("2001-02-03T04:05:06Z"));

  @TempDir private Path folder;
  private Path home = Path.of("");
  private Path target = Path.of("");

  @BeforeEach
  void makeAnInstallation() throws IOException {
    home = Files.createDirectories(folder.resolve("home"));
    target = folder.resolve("target");
    write("bin/knarr", "the launcher");
    Files.setPosixFilePermissions(
        home.resolve("bin/knarr"), PosixFilePermissions.fromString("rwxr-xr-x"));
    write("runtime/lib/modules", "the runtime");
    Files.createSymbolicLink(home.resolve("runtime/lib/link"), Path.of("modules"));
    write("app/quarkus-run.jar", "the application");
    Files.setLastModifiedTime(home.resolve("app/quarkus-run.jar"), LONG_AGO);
  }

  private void write(String name, String text) throws IOException {
    var file = home.resolve(name);
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }

  private void assertComplete() throws IOException {
    assertThat(target.resolve("bin/knarr")).hasContent("the launcher").isExecutable();
    assertThat(target.resolve("app/quarkus-run.jar")).hasContent("the application");
    assertThat(Files.getLastModifiedTime(target.resolve("app/quarkus-run.jar")))
        .isEqualTo(LONG_AGO);
    assertThat(Files.readSymbolicLink(target.resolve("runtime/lib/link")))
        .isEqualTo(Path.of("modules"));
    try (var entries = Files.list(target)) {
      assertThat(entries.map(entry -> entry.getFileName().toString()))
          .containsExactlyInAnyOrder("bin", "runtime", "app");
    }
  }

  @Nested
  class GivenAnEmptyFolder {
    @Test
    void whenItIsCopied_thenEverythingIsThereAsItWas() throws IOException {
      Files.createDirectories(target);

      long bytes = Payload.copy(home, target);

      assertComplete();
      assertThat(bytes).isGreaterThan(30);
    }
  }

  @Nested
  class GivenACopyThatBrokeOff {
    @Test
    void whenItIsCopiedAgain_thenItIsAsGoodAsTheFirst() throws IOException {
      Files.createDirectories(target.resolve(".installing/runtime/old"));
      Files.createDirectories(target.resolve("app/of-another-version"));
      Files.writeString(target.resolve("app/quarkus-run.jar"), "the appl");

      Payload.copy(home, target);

      assertComplete();
      assertThat(target.resolve("app/of-another-version")).doesNotExist();
    }
  }
}
