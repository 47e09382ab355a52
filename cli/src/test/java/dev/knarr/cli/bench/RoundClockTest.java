// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.cli.bench.EndpointSpec.Way;
import dev.knarr.rpc.transport.Transport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RoundClockTest {
  private static final Endpoint A =
      new Endpoint("a", List.of(), List.of(), Way.DIRECT, Transport.PLAIN, Entrance.NONE);
  private static final Endpoint B =
      new Endpoint("b", List.of(), List.of(), Way.DIRECT, Transport.PLAIN, Entrance.NONE);
  private static final long SECOND = 1_000_000_000;

  @TempDir private Path folder;

  @Test
  void whenEachSideWasMeasuredOnce_thenTheRestIsGuessed() throws IOException {
    var small = Files.write(folder.resolve("small"), new byte[10]);
    var large = Files.write(folder.resolve("large"), new byte[20]);
    var clock = new RoundClock(List.of(small, large), List.of(A, B), 2);

    clock.took(small, A, 3 * SECOND);
    assertThat(clock.left(small, B, 0)).isEmpty();

    clock.took(small, B, SECOND);
    // Two rounds of 4 s, and three of the model that is twice as large.
    assertThat(clock.left(small, A, 1)).isEqualTo(", about 32 s left");
    assertThat(clock.left(small, B, 1)).isEqualTo(", about 29 s left");
    clock.took(large, A, 5 * SECOND);
    assertThat(clock.left(large, B, 2)).isEqualTo(", about 2 s left");
  }
}
