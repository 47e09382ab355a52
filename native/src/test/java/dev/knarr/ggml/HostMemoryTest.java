// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HostMemoryTest {
  private static final long HOST = 24L << 30;

  @TempDir Path root;

  @BeforeEach
  void host() throws IOException {
    file("proc/meminfo", "MemTotal: 25165824 kB\nMemFree: 1024 kB\nMemAvailable:   20971520 kB\n");
  }

  private void file(String path, String content) throws IOException {
    Files.createDirectories(root.resolve(path).getParent());
    Files.writeString(root.resolve(path), content);
  }

  @Nested
  class GivenNoControlGroup {
    @Test
    void whenAsked_thenItIsTheHosts() {
      var memory = new HostMemory(root);

      assertThat(memory.totalBytes(HOST)).isEqualTo(HOST);
      assertThat(memory.availableBytes(HOST)).isEqualTo(20L << 30);
    }
  }

  @Nested
  class GivenAGroupOfVersion2 {
    @Test
    void whenAGroupAboveIsLimited_thenThatLimitCounts() throws IOException {
      file("proc/self/cgroup", "0::/pods/worker\n");
      file("sys/fs/cgroup/pods/worker/memory.max", "max\n");
      file("sys/fs/cgroup/pods/worker/memory.current", "1073741824\n");
      file("sys/fs/cgroup/pods/memory.max", "8589934592\n");
      file("sys/fs/cgroup/pods/memory.current", "5368709120\n");
      file("sys/fs/cgroup/pods/memory.stat", "anon 7\ninactive_file 2147483648\n");
      var memory = new HostMemory(root);

      assertThat(memory.totalBytes(HOST)).isEqualTo(8L << 30);
      assertThat(memory.availableBytes(8L << 30)).isEqualTo(5L << 30);
    }

    @Test
    void whenInAContainer_thenItsRootIsRead() throws IOException {
      file("proc/self/cgroup", "0::/\n");
      file("sys/fs/cgroup/memory.max", "4294967296\n");

      assertThat(new HostMemory(root).totalBytes(HOST)).isEqualTo(4L << 30);
    }
  }

  @Nested
  class GivenAGroupOfVersion1 {
    @Test
    void whenTheMemoryControllerLimits_thenThatCounts() throws IOException {
      file("proc/self/cgroup", "3:cpu,cpuacct:/other\n2:memory:/docker/abc\n1:name=systemd:/x\n");
      file("sys/fs/cgroup/memory/memory.limit_in_bytes", "2147483648\n");
      file("sys/fs/cgroup/memory/memory.usage_in_bytes", "1073741824\n");
      file("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "9223372036854771712\n");
      var memory = new HostMemory(root);

      assertThat(memory.totalBytes(HOST)).isEqualTo(2L << 30);
      assertThat(memory.availableBytes(HOST)).isEqualTo(1L << 30);
    }
  }
}
