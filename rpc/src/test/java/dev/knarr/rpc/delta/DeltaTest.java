// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.delta;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.knarr.rpc.RpcProtocolException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class DeltaTest {
  private final DeltaEncoder encoder = new DeltaEncoder();

  private byte[] applied(byte[] base, ByteBuffer steps, int bytes) {
    var target = new byte[bytes];
    Delta.apply(MemorySegment.ofArray(base), steps.duplicate(), MemorySegment.ofArray(target));
    return target;
  }

  private int packed(byte[] bytes) {
    var steps = encoder.pack(MemorySegment.ofArray(bytes));
    assertThat(applied(new byte[0], steps, bytes.length)).isEqualTo(bytes);
    return steps.remaining();
  }

  private int changed(byte[] from, byte[] to) {
    var steps = encoder.inputs(MemorySegment.ofArray(from), MemorySegment.ofArray(to));
    assertThat(applied(from, steps, to.length)).isEqualTo(to);
    return steps.remaining();
  }

  private int moved(byte[] from, byte[] to) {
    var steps = encoder.graph(MemorySegment.ofArray(from), MemorySegment.ofArray(to));
    assertThat(applied(from, steps, to.length)).isEqualTo(to);
    return steps.remaining();
  }

  /** A row for each token: 0 up to its own position, minus infinity behind. */
  static byte[] mask(int tokens, int depth, int cells) {
    var bytes = ByteBuffer.allocate(2 * tokens * cells).order(ByteOrder.LITTLE_ENDIAN);
    for (int token = 0; token < tokens; token++) {
      for (int cell = 0; cell < cells; cell++) {
        bytes.putShort((short) (cell <= depth + token ? 0 : 0xfc00));
      }
    }
    return bytes.array();
  }

  static byte[] longs(int count, long first, long step) {
    var bytes = ByteBuffer.allocate(Long.BYTES * count).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < count; i++) {
      bytes.putLong(first + i * step);
    }
    return bytes.array();
  }

  static byte[] ints(int count, int first, int step) {
    var bytes = ByteBuffer.allocate(Integer.BYTES * count).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < count; i++) {
      bytes.putInt(first + i * step);
    }
    return bytes.array();
  }

  static byte[] random(long seed, int bytes) {
    var made = new byte[bytes];
    new Random(seed).nextBytes(made);
    return made;
  }

  @Nested
  class GivenInputsOfGraphs {
    @Test
    void whenAMaskIsPacked_thenEachRowTakesAFewBytes() {
      assertThat(packed(mask(512, 32_768, 33_280))).isLessThan(512 * 16);
      assertThat(packed(mask(1, 32_768, 33_024))).isLessThan(20);
    }

    @Test
    void whenPositionsAndCellsCountUp_thenTheyTakeAFewBytes() {
      assertThat(packed(ints(512, 32_768, 1))).isLessThan(12);
      assertThat(packed(longs(512, 32_768, 1))).isLessThan(12);
      assertThat(packed(longs(512, 7, -3))).isLessThan(12);
      assertThat(packed(ints(512, Integer.MAX_VALUE - 4, 1))).isLessThan(24);
    }

    @Test
    void whenNothingHasChanged_thenThereAreNoSteps() {
      assertThat(changed(random(1, 4096), random(1, 4096))).isZero();
    }

    @Test
    void whenOneCellOfAMaskOpens_thenAFewBytesSaySo() {
      assertThat(changed(mask(4, 1000, 2048), mask(4, 1001, 2048))).isLessThan(4 * 16);
    }

    @Test
    void whenEverythingIsNew_thenItCostsLittleMoreThanItself() {
      assertThat(packed(random(2, 16_384))).isLessThan(16_384 + 8);
      assertThat(changed(random(3, 16_384), random(4, 16_384))).isLessThan(16_384 + 8);
    }

    @Test
    void whenLengthsAreOdd_thenNoByteIsLost() {
      for (int length = 0; length < 70; length++) {
        packed(random(length, length));
        packed(new byte[length]);
        changed(new byte[length], random(length, length));
        changed(random(length, length), Arrays.copyOf(random(length, length), length + 3));
      }
    }
  }

  @Nested
  class GivenBytesThatMove {
    @Test
    void whenSomeAreInsertedAndSomeChanged_thenTheRestIsCopied() {
      var from = random(5, 14_000);
      var to = new byte[14_003];
      System.arraycopy(from, 0, to, 0, 5000);
      System.arraycopy(from, 5000, to, 5003, 9000);
      to[9000] ^= 1;

      assertThat(moved(from, to)).isLessThan(60);
    }

    @Test
    void whenNothingIsAlike_thenItCostsLittleMoreThanItself() {
      assertThat(moved(random(6, 5000), random(7, 5000))).isLessThan(5008);
      assertThat(moved(new byte[0], random(8, 5000))).isLessThan(5008);
    }

    @Test
    void whenAnyTwoAreTaken_thenOneIsMadeOfTheOther() {
      var random = new Random(9);
      for (int i = 0; i < 300; i++) {
        var from = random(random.nextLong(), random.nextInt(400));
        var to = Arrays.copyOf(from, random.nextInt(400));
        for (int change = random.nextInt(5); change > 0 && to.length > 0; change--) {
          to[random.nextInt(to.length)] = (byte) random.nextInt(4);
        }
        moved(from, to);
        changed(from, to);
      }
    }
  }

  @Nested
  class GivenStepsFromAStranger {
    @Test
    void whenTheyAreAnything_thenTheOnlyFailureIsATypedOne() {
      var random = new Random(10);
      int refused = 0;
      for (int i = 0; i < 20_000; i++) {
        var steps = random(random.nextLong(), 1 + random.nextInt(40));
        try {
          applied(random(i, 50), ByteBuffer.wrap(steps), random.nextInt(100));
        } catch (RpcProtocolException _) {
          refused++;
        }
      }
      assertThat(refused).isGreaterThan(19_000);
    }

    @Test
    void whenTheyTakeWhatTheBaseDoesNotHave_thenTheyAreRefused() {
      var steps = new byte[] {(byte) (20 << 2 | Delta.COPY)};

      assertThatThrownBy(() -> applied(new byte[10], ByteBuffer.wrap(steps), 20))
          .isInstanceOf(RpcProtocolException.class)
          .hasMessageContaining("takes 20 bytes from 0 of a base of 10");
    }

    @Test
    void whenTheyEndTooEarly_thenTheyAreRefused() {
      var steps = new byte[] {(byte) (2 << 2 | Delta.RAW), 1, 2};

      assertThatThrownBy(() -> applied(new byte[0], ByteBuffer.wrap(steps), 3))
          .isInstanceOf(RpcProtocolException.class)
          .hasMessageContaining("make 2 of 3 bytes");
    }
  }
}
