// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.device;

import dev.knarr.ggml.GgmlGraph;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Proves that a device computes: a small sum, the result compared. */
public final class DeviceProbe {
  private static final int ELEMENTS = 64;
  private static final int BYTES = ELEMENTS * Float.BYTES;
  private static final int TYPE_F32 = 0;
  private static final int OP_NONE = 0;
  private static final int OP_ADD = 2;
  private static final int FLAG_COMPUTE = 16;

  private DeviceProbe() {}

  /**
   * Runs the probe on {@code device}.
   *
   * @throws IllegalStateException if the device has no memory left for it or computes wrongly
   */
  public static void run(Device device) {
    try (var buffer =
        device
            .allocate(3L * BYTES)
            .orElseThrow(
                () ->
                    new IllegalStateException(
                        "Device " + device.name() + " has no room for a probe of 768 bytes."))) {
      var input = ByteBuffer.allocateDirect(2 * BYTES).order(ByteOrder.LITTLE_ENDIAN);
      for (int i = 0; i < ELEMENTS; i++) {
        input.putFloat(i * Float.BYTES, i);
        input.putFloat(BYTES + i * Float.BYTES, 0.5f);
      }
      buffer.write(0, input);
      try (var graph = sum(buffer)) {
        device.run(() -> device.compute(graph));
      }
      var result = ByteBuffer.allocateDirect(BYTES).order(ByteOrder.LITTLE_ENDIAN);
      buffer.read(2L * BYTES, result);
      for (int i = 0; i < ELEMENTS; i++) {
        float value = result.getFloat(i * Float.BYTES);
        if (value != i + 0.5f) {
          throw new IllegalStateException(
              "Device %s computes %s + 0.5 = %s: its driver or backend is broken; leave the device out with --device."
                  .formatted(device.name(), i, value));
        }
      }
    }
  }

  private static GgmlGraph sum(DeviceBuffer buffer) {
    long[] shape = {ELEMENTS, 1, 1, 1};
    long[] strides = {Float.BYTES, BYTES, BYTES, BYTES};
    var builder = GgmlGraph.builder(3, 1);
    int[] none = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
    int[] both = {0, 1, -1, -1, -1, -1, -1, -1, -1, -1};
    for (int i = 0; i < 3; i++) {
      boolean result = i == 2;
      builder.tensor(
          i,
          TYPE_F32,
          shape,
          strides,
          result ? OP_ADD : OP_NONE,
          new int[16],
          result ? FLAG_COMPUTE : 0,
          result ? both : none,
          -1,
          0,
          buffer.memory(),
          (long) i * BYTES,
          result ? 0 : 1,
          "probe" + i);
    }
    builder.node(2);
    return builder.build();
  }
}
