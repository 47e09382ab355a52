// SPDX-License-Identifier: Apache-2.0
package dev.knarr.os;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ProcessorsTest {
  @TempDir private Path processors;

  private void processor(int number, String siblings) throws IOException {
    var topology = Files.createDirectories(processors.resolve("cpu" + number + "/topology"));
    Files.writeString(topology.resolve("thread_siblings_list"), siblings + "\n");
  }

  @Test
  void countsThreadsOfACoreOnce() throws IOException {
    for (int i = 0; i < 8; i++) {
      processor(i, i % 4 + "," + (i % 4 + 4));
    }
    Files.createDirectory(processors.resolve("cpufreq"));
    assertThat(Processors.cores(processors, 8)).isEqualTo(4);
  }

  @Test
  void staysWithinWhatTheProcessMayUse() throws IOException {
    for (int i = 0; i < 8; i++) {
      processor(i, "" + i);
    }
    assertThat(Processors.cores(processors, 3)).isEqualTo(3);
  }

  @Test
  void takesWhatIsThereWhereTheTopologyIsHidden() {
    assertThat(Processors.cores(processors, 6)).isEqualTo(6);
    assertThat(Processors.cores(processors.resolve("none"), 6)).isEqualTo(6);
  }
}
