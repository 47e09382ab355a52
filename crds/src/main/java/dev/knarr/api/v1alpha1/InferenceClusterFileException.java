// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import java.io.Serial;
import java.util.List;
import java.util.stream.Collectors;

/** A file that holds no valid InferenceCluster; the message has one line per problem. */
public final class InferenceClusterFileException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1L;

  private final transient List<Problem> problems;

  InferenceClusterFileException(List<Problem> problems) {
    super(problems.stream().map(Problem::toString).collect(Collectors.joining("\n")));
    this.problems = List.copyOf(problems);
  }

  /** All problems, in the order of the file. */
  public List<Problem> problems() {
    return problems;
  }
}
