// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

@ExtendWith(TreeGgml.class)
class GgmlTest {
  @Nested
  class GivenTheTree {
    @Test
    void whenLoaded_thenItIsATestedVersionWithTwoKindsOfDevices() {
      Ggml ggml = TreeGgml.load();

      assertThat(LibraryCheck.tested(ggml.version())).as("version %s", ggml.version()).isTrue();
      assertThat(ggml.directory()).isEqualTo(TreeGgml.tree().resolve("lib"));
      assertThat(ggml.opNames()).hasSize(101);
      assertThat(ggml.devices())
          .extracting(GgmlDevice::kind)
          .contains(GgmlDevice.Kind.CPU, GgmlDevice.Kind.GPU);
      assertThat(ggml.devices()).extracting(GgmlDevice::backendName).doesNotContain("RPC", "BLAS");
    }

    @Test
    void whenLoadedTwice_thenItIsTheSame() {
      assertThat(TreeGgml.load()).isSameAs(TreeGgml.load());
    }

    @Test
    void whenAnotherIsAskedFor_thenItIsRefused() {
      TreeGgml.load();

      assertThatThrownBy(
              () -> Ggml.load(new GgmlLocation(Path.of("/elsewhere"), Path.of("/elsewhere"))))
          .isInstanceOfSatisfying(
              GgmlException.class,
              e -> assertThat(e.fault()).isEqualTo(GgmlFault.LIBRARY_NOT_LOADED))
          .hasMessageContaining("/elsewhere");
    }
  }

  @Nested
  class GivenALibraryOfAnotherLayout {
    @Test
    void whenChecked_thenTheRefusalSaysWhatWasFoundAndExpected() {
      var check = new LibraryCheck("ggml 9.9.9 (/lib/libggml-base.so)");

      assertThatThrownBy(() -> check.expect("operation 5", "SOMETHING", "ACC"))
          .isInstanceOfSatisfying(
              GgmlException.class, e -> assertThat(e.fault()).isEqualTo(GgmlFault.LIBRARY_MISMATCH))
          .hasMessageContainingAll("9.9.9", "operation 5", "SOMETHING", "ACC", "0.25.1 to 0.27.0");
    }

    @ParameterizedTest
    @CsvSource({
      "0.25.0,false",
      "0.25.1,true",
      "0.26.3,true",
      "0.27.0,true",
      "0.27.1,false",
      "0.28.0,false",
      "1.0.0,false",
      "unknown,false"
    })
    void whenItsVersionIsOutsideOfTheTestedOnes_thenItIsKnown(String version, boolean tested) {
      assertThat(LibraryCheck.tested(version)).isEqualTo(tested);
    }
  }

  @Nested
  class GivenADevice {
    @ParameterizedTest
    @MethodSource("dev.knarr.ggml.TreeGgml#devices")
    void whenAsked_thenItDescribesItself(GgmlDevice device) {
      assertThat(device.name()).isNotBlank();
      assertThat(device.description()).isNotBlank();
      assertThat(device.memoryTotal()).isPositive();
      assertThat(device.memoryFree()).isPositive().isLessThanOrEqualTo(device.memoryTotal());
      assertThat(Long.bitCount(device.alignment())).isOne();
      assertThat(device.maxBufferBytes()).isPositive();
      assertThat(device.hostMemory()).isEqualTo(device.kind() == GgmlDevice.Kind.CPU);
      assertThat(TreeGgml.load().devices().get(device.index())).isSameAs(device);
    }

    @Test
    void whenItIsTheCpu_thenItNamesItsFeatures() {
      assertThat(TreeGgml.cpu().features()).isNotEmpty();
    }

    @ParameterizedTest
    @MethodSource("dev.knarr.ggml.TreeGgml#devices")
    void whenAskedForTheSpaceOfATensor_thenItIsAtLeastItsSize(GgmlDevice device) {
      long[] ne = {64, 3, 1, 1};
      long[] nb = {34, 68, 204, 204};
      var tensor = TensorDescription.of(8, ne, nb, 0, new int[16]);

      assertThat(device.allocSize(tensor, List.of())).isGreaterThanOrEqualTo(204);
    }

    @ParameterizedTest
    @MethodSource("dev.knarr.ggml.TreeGgml#devices")
    void whenAskedForTheSpaceOfAProduct_thenItsOperandsAreSeen(GgmlDevice device) {
      var weights =
          TensorDescription.of(
              0, new long[] {8, 4, 1, 1}, new long[] {4, 32, 128, 128}, 0, new int[16]);
      var activations =
          TensorDescription.of(
              0, new long[] {8, 2, 1, 1}, new long[] {4, 32, 64, 64}, 0, new int[16]);
      var product =
          TensorDescription.of(
              0, new long[] {4, 2, 1, 1}, new long[] {4, 16, 32, 32}, 29, new int[16]);

      assertThat(
              device.allocSize(
                  product,
                  List.of(Optional.of(weights), Optional.of(activations), Optional.empty())))
          .isGreaterThanOrEqualTo(32);
    }

    @ParameterizedTest
    @MethodSource("dev.knarr.ggml.TreeGgml#devices")
    void whenAskedForMoreThanThereIs_thenItSaysWhatThereIs(GgmlDevice device) {
      assertThatThrownBy(() -> device.allocate(1L << 50))
          .isInstanceOfSatisfying(
              GgmlException.class, e -> assertThat(e.fault()).isEqualTo(GgmlFault.OUT_OF_MEMORY))
          .hasMessageContainingAll(device.name(), "bytes are free");
    }

    @ParameterizedTest
    @MethodSource("dev.knarr.ggml.TreeGgml#devices")
    void whenMemoryIsAllocated_thenItIsCountedUntilItIsGivenBack(GgmlDevice device) {
      try (GgmlBuffer buffer = device.allocate(1 << 20)) {
        assertThat(device.allocatedBytes()).isEqualTo(buffer.bytes());
        assertThat(device.memoryFree())
            .isLessThanOrEqualTo(device.memoryTotal() - (device.hostMemory() ? buffer.bytes() : 0));
        assertThat(GgmlHandles.live()).isOne();
      }
      assertThat(device.allocatedBytes()).isZero();
    }
  }
}
