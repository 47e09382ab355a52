// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse.CommInitialized;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.testkit.peers.LlamaCppTree;
import java.io.IOException;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Two workers add up their halves of a tensor: section 14 of the protocol. */
class CommunicatorTest {
  /** From so many elements on, they travel as BF16. */
  private static final int BF16_ELEMENTS = 32_768;

  private RunningWorker firstWorker;
  private RunningWorker secondWorker;
  private RawClient first;
  private RawClient second;
  private int port;

  @BeforeEach
  void open() throws IOException {
    firstWorker = RunningWorker.with("CPU", "Vulkan0");
    secondWorker = RunningWorker.with("CPU", "Vulkan0");
    first = RawClient.to(firstWorker.port());
    second = RawClient.to(secondWorker.port());
    port = LlamaCppTree.freePort();
  }

  @AfterEach
  void close() throws IOException {
    first.close();
    second.close();
    secondWorker.close();
    firstWorker.close();
  }

  /** Both are asked before either answers: rank 0 cannot before rank 1 has connected. */
  private void join(int device) throws IOException {
    first.channel().send(new RpcRequest.CommInit(device, 0, 2, port, ""));
    first.channel().flush();
    second.channel().send(new RpcRequest.CommInit(device, 1, 2, port, "127.0.0.1"));
    assertThat(second.channel().receive(CommInitialized.class).ok()).isTrue();
    assertThat(first.channel().receive(CommInitialized.class).ok()).isTrue();
  }

  private void reduce(int device, RpcTensor here, RpcTensor there) throws IOException {
    first.channel().send(new RpcRequest.CommAllreduce(device, here));
    first.channel().flush();
    second.channel().send(new RpcRequest.CommAllreduce(device, there));
    second.channel().flush();
  }

  private static RpcTensor vector(RawClient client, int device, int elements) throws IOException {
    var buffer = client.allocate(device, (long) elements * Float.BYTES);
    return client.f32(buffer, 0, elements, 1).build();
  }

  private static float[] ramp(int elements, float step) {
    float[] values = new float[elements];
    for (int i = 0; i < elements; i++) {
      values[i] = 1 + (i % 1000) * step;
    }
    return values;
  }

  @Nested
  class GivenTwoWorkersThatHaveJoined {
    @ParameterizedTest
    @CsvSource({"0,1", "0,8", "0,32767", "1,8", "1,32767"})
    void whenTheyReduceASmallTensor_thenBothHaveTheExactSum(int device, int elements)
        throws IOException {
      join(device);
      var here = vector(first, device, elements);
      var there = vector(second, device, elements);
      float[] mine = ramp(elements, 0.001f);
      float[] theirs = ramp(elements, 0.37f);
      first.write(here, mine);
      second.write(there, theirs);

      reduce(device, here, there);

      float[] sums = first.read(here);
      for (int i = 0; i < elements; i++) {
        assertThat(sums[i]).isEqualTo(mine[i] + theirs[i]);
      }
      assertThat(second.read(there)).isEqualTo(sums);
    }

    /** Each adds its own unrounded half to the other's rounded one. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenTheyReduceALargeTensor_thenTheHalvesTravelAsBf16(int device) throws IOException {
      join(device);
      var here = vector(first, device, BF16_ELEMENTS);
      var there = vector(second, device, BF16_ELEMENTS);
      float[] mine = ramp(BF16_ELEMENTS, 0.001f);
      float[] theirs = ramp(BF16_ELEMENTS, 0.37f);
      first.write(here, mine);
      second.write(there, theirs);

      reduce(device, here, there);

      float[] sums = first.read(here);
      float[] otherSums = second.read(there);
      int rounded = 0;
      for (int i = 0; i < BF16_ELEMENTS; i++) {
        float exact = mine[i] + theirs[i];
        assertThat(sums[i]).isCloseTo(exact, within(theirs[i] / 256));
        assertThat(otherSums[i]).isCloseTo(exact, within(mine[i] / 256));
        rounded += sums[i] == exact ? 0 : 1;
      }
      assertThat(rounded).as("sums that show the rounding").isGreaterThan(BF16_ELEMENTS / 2);
    }

    @Test
    void whenTheyReduceAgainAndAgain_thenTheLinkKeepsInStep() throws IOException {
      join(0);
      var here = vector(first, 0, 4);
      var there = vector(second, 0, 4);
      for (float i = 1; i <= 200; i++) {
        first.write(here, i, i, i, i);
        second.write(there, 0.5f, 1.5f, 2.5f, 3.5f);

        reduce(0, here, there);

        assertThat(first.read(here)).containsExactly(i + 0.5f, i + 1.5f, i + 2.5f, i + 3.5f);
      }
    }

    @Test
    void whenAskedToJoinOnceMore_thenTheyHave() throws IOException {
      join(0);

      first.channel().send(new RpcRequest.CommInit(0, 0, 2, port, ""));

      assertThat(first.channel().receive(CommInitialized.class).ok()).isTrue();
    }

    @Test
    void whenFreed_thenTheyCanJoinOnTheSamePortAgain() throws IOException {
      for (int i = 0; i < 3; i++) {
        join(0);
        first.channel().send(new RpcRequest.CommFree(0));
        second.channel().send(new RpcRequest.CommFree(0));
      }

      assertThat(first.sum(0, 2, 3)).isEqualTo(5);
      assertThat(second.sum(0, 2, 3)).isEqualTo(5);
    }

    @Test
    void whenOneClientLeavesDuringAReduction_thenTheOtherIsClosedAndOthersAreServed()
        throws IOException {
      join(0);
      var here = vector(first, 0, 8);
      first.channel().send(new RpcRequest.CommAllreduce(0, here));
      first.channel().flush();

      second.reset();
      first.awaitClosed();

      try (var next = RawClient.to(firstWorker.port())) {
        assertThat(next.sum(0, 2, 3)).isEqualTo(5);
      }
    }
  }

  @Nested
  class GivenAWorkerWithoutAPartner {
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whenTheOtherNeverComes_thenTheAnswerIsNoAndTheClientIsServedOn(int rank)
        throws IOException {
      long start = System.nanoTime();
      first.channel().send(new RpcRequest.CommInit(0, rank, 2, port, rank == 0 ? "" : "127.0.0.1"));
      first.channel().flush();

      try (var other = RawClient.to(firstWorker.port())) {
        assertThat(other.sum(0, 2, 3)).isEqualTo(5);
      }

      assertThat(first.channel().receive(CommInitialized.class).ok()).isFalse();
      assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(15));
      assertThat(first.sum(0, 2, 3)).isEqualTo(5);
    }

    @ParameterizedTest
    @CsvSource({"0,3", "2,2", "-1,2", "0,1", "0,0"})
    void whenTheGroupIsNotOneOfTwo_thenTheAnswerIsNo(int rank, int world) throws IOException {
      first.channel().send(new RpcRequest.CommInit(0, rank, world, port, ""));

      assertThat(first.channel().receive(CommInitialized.class).ok()).isFalse();
      assertThat(first.sum(0, 2, 3)).isEqualTo(5);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, -1, 65_536, Integer.MIN_VALUE})
    void whenThePortDoesNotExist_thenTheAnswerIsNo(int impossible) throws IOException {
      for (int rank = 0; rank < 2; rank++) {
        first.channel().send(new RpcRequest.CommInit(0, rank, 2, impossible, "127.0.0.1"));

        assertThat(first.channel().receive(CommInitialized.class).ok()).isFalse();
        assertThat(first.sum(0, 2, 3)).isEqualTo(5);
      }
    }

    @Test
    void whenThePortIsTaken_thenTheAnswerIsNo() throws IOException {
      first.channel().send(new RpcRequest.CommInit(0, 0, 2, secondWorker.port(), ""));

      assertThat(first.channel().receive(CommInitialized.class).ok()).isFalse();
    }
  }
}
