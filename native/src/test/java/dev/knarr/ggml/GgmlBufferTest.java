// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

@ExtendWith(TreeGgml.class)
class GgmlBufferTest {
  private static final int BYTES = 10_001; // no multiple of any word

  static byte[] random(int count) {
    byte[] bytes = new byte[count];
    new Random(7).nextBytes(bytes);
    return bytes;
  }

  static byte[] content(GgmlBuffer buffer, long offset, int count) {
    byte[] bytes = new byte[count];
    buffer.read(offset, ByteBuffer.wrap(bytes));
    return bytes;
  }

  static Stream<Arguments> pairs() {
    return TreeGgml.devices()
        .flatMap(
            source -> TreeGgml.devices().map(destination -> Arguments.of(source, destination)));
  }

  @Nested
  class GivenABufferOfAnyDevice {
    @ParameterizedTest
    @MethodSource("dev.knarr.ggml.TreeGgml#devices")
    void whenHeapMemoryIsWritten_thenItIsReadBack(GgmlDevice device) {
      try (GgmlBuffer buffer = device.allocate(BYTES + 100)) {
        byte[] data = random(BYTES);
        ByteBuffer source = ByteBuffer.wrap(data);

        buffer.write(3, source);

        assertThat(source.remaining()).isEqualTo(BYTES);
        assertThat(content(buffer, 3, BYTES)).isEqualTo(data);
      }
    }

    @ParameterizedTest
    @MethodSource("dev.knarr.ggml.TreeGgml#devices")
    void whenDirectMemoryIsWritten_thenItIsReadBack(GgmlDevice device) {
      try (GgmlBuffer buffer = device.allocate(BYTES + 100)) {
        ByteBuffer source = ByteBuffer.allocateDirect(BYTES).put(random(BYTES)).flip();
        ByteBuffer destination = ByteBuffer.allocateDirect(BYTES);

        buffer.write(5, source);
        buffer.read(5, destination);

        assertThat(destination).isEqualTo(source);
      }
    }

    @ParameterizedTest
    @MethodSource("dev.knarr.ggml.TreeGgml#devices")
    void whenFilled_thenEveryByteIsSet(GgmlDevice device) {
      try (GgmlBuffer buffer = device.allocate(BYTES)) {
        buffer.fill((byte) 7);
        buffer.fill(3, 1001, (byte) 9);

        byte[] expected = new byte[BYTES];
        Arrays.fill(expected, (byte) 7);
        Arrays.fill(expected, 3, 1004, (byte) 9);
        assertThat(content(buffer, 0, BYTES)).isEqualTo(expected);
      }
    }

    @ParameterizedTest
    @MethodSource("dev.knarr.ggml.TreeGgml#devices")
    void whenCleared_thenNothingIsLeft(GgmlDevice device) {
      try (GgmlBuffer buffer = device.allocate(BYTES)) {
        buffer.write(0, ByteBuffer.wrap(random(BYTES)));

        buffer.fill((byte) 0);

        assertThat(content(buffer, 0, BYTES)).containsOnly(0);
      }
    }

    @ParameterizedTest
    @MethodSource("dev.knarr.ggml.TreeGgml#devices")
    void whenARangeIsOutside_thenNothingIsTouched(GgmlDevice device) {
      try (GgmlBuffer buffer = device.allocate(64)) {
        long bytes = buffer.bytes();
        ByteBuffer two = ByteBuffer.allocate(2);

        assertThatThrownBy(() -> buffer.write(bytes - 1, two))
            .isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> buffer.read(bytes - 1, two))
            .isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> buffer.fill(-1, 1, (byte) 0))
            .isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> buffer.fill(1, Long.MAX_VALUE, (byte) 0))
            .isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> GgmlBuffer.copy(buffer, 0, buffer, bytes, 1))
            .isInstanceOf(IndexOutOfBoundsException.class);
      }
    }

    @ParameterizedTest
    @MethodSource("dev.knarr.ggml.TreeGgml#devices")
    void whenItHasNoBytes_thenItWorks(GgmlDevice device) {
      try (GgmlBuffer buffer = device.allocate(0)) {
        buffer.fill((byte) 1);
        buffer.fill(0, 0, (byte) 1);
        buffer.write(0, ByteBuffer.allocate(0));
        buffer.read(0, ByteBuffer.allocateDirect(0));

        assertThat(buffer.bytes()).isZero();
        assertThat(GgmlBuffer.copy(buffer, 0, buffer, 0, 0)).isTrue();
      }
    }

    @ParameterizedTest
    @MethodSource("dev.knarr.ggml.TreeGgml#devices")
    void whenItIsClosed_thenItNamesItself(GgmlDevice device) {
      GgmlBuffer buffer = device.allocate(64);
      buffer.close();
      buffer.close();

      assertThatIllegalStateException()
          .isThrownBy(() -> buffer.fill((byte) 0))
          .withMessageContaining("Buffer of 64 bytes on " + device.name());
      assertThatIllegalStateException().isThrownBy(() -> buffer.read(0, ByteBuffer.allocate(1)));
    }

    @ParameterizedTest
    @MethodSource("dev.knarr.ggml.TreeGgml#devices")
    void whenATensorIsPrepared_thenTheBackendAccepts(GgmlDevice device) {
      try (GgmlBuffer buffer = device.allocate(4096)) {
        buffer.initTensor(
            TensorDescription.of(
                8, new long[] {64, 3, 1, 1}, new long[] {34, 68, 204, 204}, 0, new int[16]),
            0);
      }
    }
  }

  @Nested
  class GivenTwoBuffers {
    @ParameterizedTest
    @MethodSource("dev.knarr.ggml.GgmlBufferTest#pairs")
    void whenOneIsCopied_thenTheOtherHasItsBytes(GgmlDevice from, GgmlDevice to) {
      try (GgmlBuffer source = from.allocate(BYTES + 8);
          GgmlBuffer destination = to.allocate(BYTES + 8)) {
        byte[] data = random(BYTES);
        source.write(4, ByteBuffer.wrap(data));
        destination.fill((byte) 0);

        assertThat(GgmlBuffer.copy(source, 4, destination, 7, BYTES)).isTrue();

        assertThat(content(destination, 7, BYTES)).isEqualTo(data);
        assertThat(content(destination, 0, 7)).containsOnly(0);
      }
    }

    @ParameterizedTest
    @MethodSource("dev.knarr.ggml.TreeGgml#devices")
    void whenRangesOverlap_thenTheCopyIsOfWhatWasThere(GgmlDevice device) {
      int bytes = 9 << 20; // more than two pieces of staging
      try (GgmlBuffer buffer = device.allocate(bytes + 16)) {
        byte[] data = random(bytes);
        buffer.write(0, ByteBuffer.wrap(data));

        GgmlBuffer.copy(buffer, 0, buffer, 11, bytes);
        assertThat(content(buffer, 11, bytes)).isEqualTo(data);

        GgmlBuffer.copy(buffer, 11, buffer, 2, bytes);
        assertThat(content(buffer, 2, bytes)).isEqualTo(data);
      }
    }
  }

  @Nested
  class GivenAHostBuffer {
    @Test
    void whenViewed_thenTheViewIsTheMemory() {
      try (GgmlBuffer buffer = TreeGgml.cpu().allocate(64)) {
        buffer.hostView(8, 8).putLong(0, 0x0102030405060708L);

        assertThat(content(buffer, 8, 8)).containsExactly(8, 7, 6, 5, 4, 3, 2, 1);
        assertThatThrownBy(() -> buffer.hostView(60, 8))
            .isInstanceOf(IndexOutOfBoundsException.class);
      }
    }

    @Test
    void whenASocketReadsIntoAView_thenTheBytesAreInTheBuffer() throws IOException {
      byte[] data = random(BYTES);
      try (GgmlBuffer buffer = TreeGgml.cpu().allocate(BYTES);
          var server =
              ServerSocketChannel.open()
                  .bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
          var client = SocketChannel.open(server.getLocalAddress());
          var accepted = server.accept()) {
        client.write(ByteBuffer.wrap(data));

        ByteBuffer view = buffer.hostView(0, BYTES);
        while (view.hasRemaining()) {
          assertThat(accepted.read(view)).isPositive();
        }

        assertThat(content(buffer, 0, BYTES)).isEqualTo(data);
      }
    }

    @Test
    void whenClosed_thenAViewFailsInsteadOfReadingFreedMemory() {
      GgmlBuffer buffer = TreeGgml.cpu().allocate(64);
      ByteBuffer view = buffer.hostView(0, 64);
      buffer.close();

      assertThatIllegalStateException().isThrownBy(() -> view.get(0));
    }
  }

  @Nested
  class GivenADeviceBuffer {
    @Test
    void whenViewed_thenItSaysWhatToUse() {
      try (GgmlBuffer buffer = TreeGgml.gpu().allocate(64)) {
        assertThat(buffer.host()).isFalse();
        assertThatThrownBy(() -> buffer.hostView(0, 8))
            .isInstanceOf(UnsupportedOperationException.class)
            .hasMessageContaining("use read and write");
      }
    }
  }
}
