// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.os.CacheFolder;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * The ggml of the llama.cpp tree, and as an extension the check that a test leaves nothing open.
 */
final class TreeGgml implements AfterEachCallback {
  static Path tree() {
    return CacheFolder.llamaCpp();
  }

  static GgmlLocation location() {
    return GgmlLocation.find(null, List.of(), tree()).orElseThrow();
  }

  static Ggml load() {
    return Ggml.load(location());
  }

  static GgmlDevice cpu() {
    return load().devices().stream()
        .filter(device -> device.kind() == GgmlDevice.Kind.CPU)
        .findFirst()
        .orElseThrow();
  }

  /** Fails, rather than leaving out a kind, where the tree has no Vulkan. */
  static GgmlDevice gpu() {
    return load().devices().stream()
        .filter(device -> device.kind() == GgmlDevice.Kind.GPU)
        .findFirst()
        .orElseThrow(
            () ->
                new AssertionError(
                    "No Vulkan device: make the tree with scripts/llama-cpp.sh --cache --vulkan"));
  }

  static Stream<GgmlDevice> devices() {
    return Stream.of(cpu(), gpu());
  }

  @Override
  public void afterEach(ExtensionContext context) {
    assertThat(GgmlHandles.live()).as(GgmlHandles.describe()).isZero();
    load()
        .devices()
        .forEach(device -> assertThat(device.allocatedBytes()).as(device.name()).isZero());
  }
}
