// SPDX-License-Identifier: Apache-2.0
package dev.knarr.os;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

class CacheFolderTest {
  private static final Map<String, String> ALL =
      Map.of("KNARR_CACHE", "/own", "XDG_CACHE_HOME", "/shared", "HOME", "/home/me");

  @Test
  void whenKnarrsOwnFolderIsNamed_thenItIsTaken() {
    assertThat(CacheFolder.path(ALL)).isEqualTo(Path.of("/own"));
  }

  @Test
  void whenItIsNotNamedOrEmpty_thenTheFolderForCachesIsTaken() {
    assertThat(CacheFolder.path(Map.of("KNARR_CACHE", "", "XDG_CACHE_HOME", "/shared")))
        .isEqualTo(Path.of("/shared/knarr"));
  }

  @Test
  void whenNothingIsNamed_thenHomeIsTaken() {
    assertThat(CacheFolder.path(Map.of("HOME", "/home/me")))
        .isEqualTo(Path.of("/home/me/.cache/knarr"));
  }
}
