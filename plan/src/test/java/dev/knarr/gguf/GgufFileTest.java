// SPDX-License-Identifier: Apache-2.0
package dev.knarr.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GgufFileTest {
  @Nested
  class GivenTheDemoModels {
    @ParameterizedTest
    @ValueSource(
        strings = {
          "knarr-demo-q4_0.gguf",
          "knarr-demo-q8_0.gguf",
          "split/knarr-demo-q8_0-00001-of-00003.gguf"
        })
    void whenOpened_thenMetadataAndTensorsAreThere(String name) {
      var file = GgufFile.open(DemoModels.path(name));

      assertThat(file.version()).isEqualTo(3);
      assertThat(file.architecture()).isEqualTo("llama");
      assertThat(file.metadata().integer("llama.block_count")).hasValue(8);
      assertThat(file.metadata().integer("llama.attention.head_count_kv")).hasValue(2);
      assertThat(file.metadata().text("general.license")).isPresent();
      assertThat(file.metadata().arrayLength("tokenizer.ggml.tokens")).hasValue(2048);
      assertThat(file.metadata().integers("tokenizer.ggml.tokens")).isEmpty();
      assertThat(file.tensor("token_embd.weight"))
          .hasValueSatisfying(t -> assertThat(t.shape()).containsExactly(256L, 2048L));
    }

    @Test
    void whenOpenedByAnyPart_thenAllPartsMakeTheSameModel() {
      var whole = GgufFile.open(DemoModels.path("knarr-demo-q8_0.gguf"));
      for (int part = 1; part <= 3; part++) {
        var name = "split/knarr-demo-q8_0-0000%d-of-00003.gguf".formatted(part);

        var split = GgufFile.open(DemoModels.path(name));

        assertThat(split.parts()).hasSize(3);
        assertThat(split.tensors())
            .extracting(GgufTensor::name, GgufTensor::bytes)
            .containsExactlyElementsOf(
                whole.tensors().stream()
                    .map(t -> org.assertj.core.groups.Tuple.tuple(t.name(), t.bytes()))
                    .toList());
        assertThat(split.tensors()).extracting(GgufTensor::part).contains(0, 1, 2);
        assertThat(split.metadata().integer("llama.block_count")).hasValue(8);
      }
    }

    @Test
    void whenOpened_thenTensorsFillTheFileToItsEnd() {
      var file = GgufFile.open(DemoModels.path("knarr-demo-q4_0.gguf"));

      var last = file.tensors().getLast();

      assertThat(file.bytes()).isEqualTo(4_346_752);
      assertThat(last.offset() + last.bytes()).isBetween(file.bytes() - 32, file.bytes());
    }
  }

  @Nested
  class GivenPartsOfAModel {
    @TempDir Path folder = Path.of("");

    @Test
    void whenOneIsMissing_thenItIsNamed() throws IOException {
      copy("00001-of-00003", "00001-of-00003");
      copy("00003-of-00003", "00003-of-00003");

      assertFault(folder.resolve("m-00001-of-00003.gguf"), GgufFault.PART_MISSING)
          .withMessageContaining("1 of them is missing: m-00002-of-00003.gguf");
    }

    @Test
    void whenTwoAreSwapped_thenTheWrongOneIsNamed() throws IOException {
      copy("00001-of-00003", "00001-of-00003");
      copy("00002-of-00003", "00003-of-00003");
      copy("00003-of-00003", "00002-of-00003");

      assertFault(folder.resolve("m-00001-of-00003.gguf"), GgufFault.PART_MISSING)
          .withMessageContaining("By its name the file is part 2, but it says that it is part 3");
    }

    @Test
    void whenAPartHasLostItsName_thenTheNamesAreExplained() throws IOException {
      copy("00001-of-00003", "00001-of-00001");
      var renamed = Files.move(folder.resolve("m-00001-of-00001.gguf"), folder.resolve("m.gguf"));

      assertFault(renamed, GgufFault.PART_MISSING)
          .withMessageContaining("part of a model of 3 files")
          .withMessageContaining("Keep the names");
    }

    @Test
    void whenTheNameAnnouncesFewerParts_thenItIsRefused() throws IOException {
      copy("00001-of-00003", "00001-of-00002");
      copy("00002-of-00003", "00002-of-00002");

      assertFault(folder.resolve("m-00002-of-00002.gguf"), GgufFault.PART_MISSING)
          .withMessageContaining("By its name the model has 2 parts, but the file says 3");
    }

    private void copy(String from, String to) throws IOException {
      Files.copy(
          DemoModels.path("split/knarr-demo-q8_0-%s.gguf".formatted(from)),
          folder.resolve("m-%s.gguf".formatted(to)));
    }
  }

  @Nested
  class GivenABrokenFile {
    @TempDir Path folder = Path.of("");

    @Test
    void whenItDoesNotExist_thenThePathIsNamed() {
      assertFault(folder.resolve("none.gguf"), GgufFault.UNREADABLE)
          .withMessageContaining("none.gguf")
          .withMessageContaining("no such file");
    }

    @Test
    void whenItIsAWebPage_thenItIsNotGguf() throws IOException {
      var page = Files.writeString(folder.resolve("m.gguf"), "<!doctype html><title>404</title>");

      assertFault(page, GgufFault.NOT_GGUF).withMessageContaining("web page");
    }

    @Test
    void whenItIsEmpty_thenItIsNotGguf() throws IOException {
      assertFault(Files.write(folder.resolve("m.gguf"), new byte[0]), GgufFault.NOT_GGUF);
    }

    @Test
    void whenTheVersionIsUnknownOrSwapped_thenItIsNamed() {
      assertHostile(GgufBytes.header(1, 0, 0), GgufFault.UNSUPPORTED_VERSION)
          .withMessageContaining("version 1");
      assertHostile(GgufBytes.header(0x03000000, 0, 0), GgufFault.UNSUPPORTED_VERSION)
          .withMessageContaining("big-endian");
    }

    @Test
    void whenCountsAreAbsurd_thenNothingIsAllocated() {
      assertHostile(GgufBytes.header(3, -1, 0), GgufFault.LIMIT_EXCEEDED)
          .withMessageContaining("18446744073709551615 tensors");
      assertHostile(GgufBytes.header(3, 0, Long.MAX_VALUE), GgufFault.LIMIT_EXCEEDED);
      assertHostile(GgufBytes.header(3, 0, 60_000), GgufFault.TRUNCATED);
      assertHostile(GgufBytes.header(3, 200_000, 0), GgufFault.TRUNCATED);
    }

    @Test
    void whenLengthsAreAbsurd_thenTheyAreRefused() {
      assertHostile(GgufBytes.header(3, 0, 1).i64(1L << 40).data(64), GgufFault.LIMIT_EXCEEDED);
      assertHostile(GgufBytes.header(3, 0, 1).i64(0).data(64), GgufFault.LIMIT_EXCEEDED);
      assertHostile(
          GgufBytes.header(3, 0, 1).text("k").i32(8).i64(Long.MAX_VALUE), GgufFault.TRUNCATED);
      assertHostile(GgufBytes.header(3, 0, 1).text("k").i32(8).i64(-1), GgufFault.TRUNCATED);
    }

    @Test
    void whenArraysAreAbsurd_thenTheyAreRefused() {
      UnaryOperator<GgufBytes> array = b -> b.text("k").i32(9);
      assertHostile(
          array.apply(GgufBytes.header(3, 0, 1)).i32(12).i64(1L << 61).data(64),
          GgufFault.TRUNCATED);
      assertHostile(
          array.apply(GgufBytes.header(3, 0, 1)).i32(8).i64(-5).data(64), GgufFault.TRUNCATED);
      assertHostile(
          array.apply(GgufBytes.header(3, 0, 1)).i32(99).i64(1).data(64), GgufFault.MALFORMED);
      var nested = array.apply(GgufBytes.header(3, 0, 1));
      for (int i = 0; i < 100; i++) {
        nested.i32(9).i64(1);
      }
      assertHostile(nested.data(64), GgufFault.MALFORMED).withMessageContaining("nested");
    }

    @Test
    void whenAKeyOrTensorAppearsTwice_thenItIsNamed() {
      assertHostile(
              GgufBytes.header(3, 0, 2).keyU32("same", 1).keyU32("same", 2), GgufFault.MALFORMED)
          .withMessageContaining("'same' appears twice");
      assertHostile(
              GgufBytes.header(3, 2, 0).tensor("t", 0, 0, 8).tensor("t", 0, 32, 8).data(64),
              GgufFault.MALFORMED)
          .withMessageContaining("'t' appears twice");
    }

    @Test
    void whenAShapeIsImpossible_thenTheTensorIsNamed() {
      assertHostile(oneTensor(0, 0), GgufFault.MALFORMED).withMessageContaining("0 dimensions");
      assertHostile(oneTensor(0, 0, 1, 1, 1, 1, 1), GgufFault.MALFORMED);
      assertHostile(oneTensor(0, 0, -1), GgufFault.MALFORMED).withMessageContaining("extent");
      assertHostile(oneTensor(0, 0, 0), GgufFault.MALFORMED);
      assertHostile(oneTensor(0, 0, 1L << 32, 1L << 32), GgufFault.MALFORMED)
          .withMessageContaining("64-bit");
      assertHostile(oneTensor(0, 0, Long.MAX_VALUE), GgufFault.MALFORMED);
      assertHostile(oneTensor(8, 0, 33), GgufFault.MALFORMED)
          .withMessageContaining("multiple of 32");
    }

    @Test
    void whenTheTypeIsUnknownOrRemoved_thenItIsNamed() {
      for (int type : List.of(-1, 4, 31, 36, 43, Integer.MAX_VALUE)) {
        assertHostile(oneTensor(type, 0, 32), GgufFault.UNKNOWN_TENSOR_TYPE);
      }
    }

    @Test
    void whenATensorLiesOutside_thenTheFileIsTruncated() {
      assertHostile(oneTensor(0, 64, 32), GgufFault.TRUNCATED)
          .withMessageContaining("downloaded completely");
      assertHostile(oneTensor(0, Long.MAX_VALUE - 31, 32), GgufFault.TRUNCATED);
      assertHostile(oneTensor(0, -32, 32), GgufFault.MALFORMED);
      assertHostile(oneTensor(0, 7, 8), GgufFault.MALFORMED).withMessageContaining("alignment");
    }

    @Test
    void whenTheAlignmentIsNoPowerOfTwo_thenItIsRefused() {
      for (int alignment : List.of(0, 3, -32, 1 << 30)) {
        assertHostile(
            GgufBytes.header(3, 0, 1).keyU32("general.alignment", alignment), GgufFault.MALFORMED);
      }
      assertHostile(
          GgufBytes.header(3, 0, 1).keyText("general.alignment", "32"), GgufFault.MALFORMED);
    }

    @Test
    void whenCutAnywhere_thenItIsTypedAsTruncated() throws IOException {
      var whole = Files.readAllBytes(DemoModels.path("knarr-demo-draft-q8_0.gguf"));
      for (int length = 24; length < whole.length; length = length * 3 / 2) {
        var cut = Files.write(folder.resolve("cut.gguf"), java.util.Arrays.copyOf(whole, length));
        assertFault(cut, GgufFault.TRUNCATED).withMessageContaining("fetch it again");
      }
    }

    @Test
    void whenTheHeaderIsEndless_thenTheWalkEnds() throws IOException {
      var file = folder.resolve("sparse.gguf");
      GgufBytes.header(3, 0, 1).text("k").i32(9).i32(9).i64(1L << 33).write(file);
      try (var channel =
          java.nio.channels.FileChannel.open(file, java.nio.file.StandardOpenOption.WRITE)) {
        channel.write(java.nio.ByteBuffer.wrap(new byte[1]), 1L << 37);
      }

      assertFault(file, GgufFault.LIMIT_EXCEEDED);
    }

    private GgufBytes oneTensor(int type, long offset, long... shape) {
      return GgufBytes.header(3, 1, 0).tensor("t", type, offset, shape).data(64);
    }

    private org.assertj.core.api.ThrowableAssertAlternative<GgufException> assertHostile(
        GgufBytes bytes, GgufFault fault) {
      return assertFault(bytes.write(folder.resolve("hostile.gguf")), fault);
    }
  }

  @Nested
  class GivenUnusualMetadata {
    @TempDir Path folder = Path.of("");

    @Test
    void whenTextIsHuge_thenItIsSteppedOverAndTheRestIsRead() {
      var file =
          GgufBytes.header(2, 0, 3)
              .keyText("long", "x".repeat(100_000))
              .keyArray("arr", 3, -1)
              .keyU32("after", -1)
              .write(folder.resolve("m.gguf"));

      var metadata = GgufFile.open(file).metadata();

      assertThat(metadata.text("long")).isEmpty();
      assertThat(metadata.keys()).containsExactlyInAnyOrder("long", "arr", "after");
      assertThat(metadata.integers("arr")).hasValue(List.of(3L, -1L));
      assertThat(metadata.integer("after")).hasValue(4_294_967_295L);
    }

    @Test
    void whenNoArchitectureIsNamed_thenItSaysSo() {
      var file = GgufFile.open(GgufBytes.header(3, 0, 0).write(folder.resolve("m.gguf")));

      assertThatExceptionOfType(GgufException.class)
          .isThrownBy(file::architecture)
          .withMessageContaining("general.architecture");
    }
  }

  private static org.assertj.core.api.ThrowableAssertAlternative<GgufException> assertFault(
      Path file, GgufFault fault) {
    return assertThatExceptionOfType(GgufException.class)
        .isThrownBy(() -> GgufFile.open(file))
        .satisfies(e -> assertThat(e.fault()).isEqualTo(fault));
  }
}
