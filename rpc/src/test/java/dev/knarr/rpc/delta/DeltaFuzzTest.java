// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.delta;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.knarr.rpc.RpcProtocolException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Arrays;

/** Steps of anything. Whatever they are, nothing beside the target is written. */
class DeltaFuzzTest {
  private static final int BASE_BYTES = 100;
  private static final int GUARD_BYTES = 64;
  private static final byte GUARD = 0x5a;

  private final byte[] base = DeltaTest.random(1, BASE_BYTES);

  @FuzzTest(maxDuration = "8s")
  void stepsFillTheTargetOrAreRefusedByAType(byte[] script) {
    int bytes = script.length == 0 ? 0 : script[0] & 0xff;
    var steps = ByteBuffer.wrap(script, Math.min(1, script.length), Math.max(0, script.length - 1));
    byte[] all = new byte[bytes + 2 * GUARD_BYTES];
    Arrays.fill(all, GUARD);
    var target = MemorySegment.ofArray(all).asSlice(GUARD_BYTES, bytes);
    boolean made = true;
    try {
      Delta.apply(MemorySegment.ofArray(base.clone()), steps.duplicate(), target);
    } catch (RpcProtocolException e) {
      assertThat(e.getMessage()).isNotBlank();
      made = false;
    }
    assertThat(Arrays.copyOf(all, GUARD_BYTES)).containsOnly(GUARD);
    assertThat(Arrays.copyOfRange(all, GUARD_BYTES + bytes, all.length)).containsOnly(GUARD);
    if (made) {
      requireDetermined(steps, Arrays.copyOfRange(all, GUARD_BYTES, GUARD_BYTES + bytes));
    }
  }

  /** What steps make is made of them and the base, not of what was in the target before. */
  private void requireDetermined(ByteBuffer steps, byte[] made) {
    byte[] again = new byte[made.length];
    Delta.apply(MemorySegment.ofArray(base), steps, MemorySegment.ofArray(again));
    assertThat(again).isEqualTo(made);
    assertThat(base).isEqualTo(DeltaTest.random(1, BASE_BYTES));
  }
}
