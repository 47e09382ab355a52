// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadException;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class HeadDeviceTest {

  private static HeadConfig.Split split(String... devices) {
    return new HeadConfig.Split(
        HeadConfig.SplitMode.LAYER,
        Arrays.stream(devices).map(name -> new HeadConfig.SplitDevice(name, 1)).toList());
  }

  @Test
  void whenDevicesAreListed_thenThoseOfWorkersAreLeftOut() {
    List<HeadDevice> devices =
        HeadDevice.listed(
            List.of(
                "load_backend: loaded RPC backend",
                "Available devices:",
                "  CUDA0: NVIDIA A100 (PCIe) (81920 MiB, 80000 MiB free)",
                "  RPC0: 127.0.0.1:50052 (1024 MiB, 1000 MiB free)",
                "  Vulkan0: llvmpipe (LLVM 21.1.8, 256 bits) (24105 MiB, 21677 MiB free)"));

    assertThat(devices)
        .containsExactly(
            new HeadDevice("CUDA0", "NVIDIA A100 (PCIe)", 80_000L << 20, 81_920L << 20),
            new HeadDevice(
                "Vulkan0", "llvmpipe (LLVM 21.1.8, 256 bits)", 21_677L << 20, 24_105L << 20));
    assertThat(HeadDevice.capacities(devices))
        .extracting(capacity -> capacity.name())
        .containsExactly("head/0", "head/1");
  }

  @Test
  void whenTheyAreAtTheEnds_thenTheyPass() {
    assertThatCode(() -> HeadDevice.check(split("head/0", "a-0/0", "b-0/0", "head/1")))
        .doesNotThrowAnyException();
    assertThatCode(() -> HeadDevice.check(split())).doesNotThrowAnyException();
  }

  @Test
  void whenOneIsBetweenWorkers_thenItIsNamed() {
    assertThatThrownBy(() -> HeadDevice.check(split("a-0/0", "head/0", "b-0/0")))
        .isInstanceOf(HeadException.class)
        .hasMessageContaining("split.devices has head/0 between workers")
        .hasMessageContaining("first or last");
  }

  @Test
  void whenThereAreNoOthers_thenTheWorkersAreMissed() {
    assertThatThrownBy(() -> HeadDevice.check(split("head/0")))
        .isInstanceOf(HeadException.class)
        .hasMessageContaining("no worker would have anything to do");
  }
}
