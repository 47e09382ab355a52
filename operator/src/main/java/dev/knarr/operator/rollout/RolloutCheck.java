// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.rollout;

import dev.knarr.operator.rollout.RolloutState.Group;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * Why workers under a head have to change, so that the head must finish its answers first. In this
 * order: the first that applies is the cause that is shown.
 */
public enum RolloutCheck {
  /** The spec asks for no replicas. */
  STOPPED("replicas is 0") {
    @Override
    Optional<String> applies(RolloutState state) {
      boolean runs = state.groups().stream().anyMatch(group -> group.running() > 0);
      return Optional.of("")
          .filter(_ -> state.headReplicas() == 0 && (runs || !state.headPods().isEmpty()));
    }
  },
  /** A group has gone from the spec, or has fewer workers. */
  FEWER_WORKERS("there are fewer workers in") {
    @Override
    Optional<String> applies(RolloutState state) {
      return names(state.groups(), group -> group.wanted() < group.running());
    }
  },
  /**
   * Workers run by an older template. Only once the API server has taken the new one: a head that
   * ended for a template that was refused would wait for ever.
   */
  WORKERS_CHANGED("workers are changed in") {
    @Override
    Optional<String> applies(RolloutState state) {
      return names(state.groups(), group -> group.settled() && !group.outdated().isEmpty());
    }
  };

  private final String text;

  RolloutCheck(String text) {
    this.text = text;
  }

  /** Present when this cause applies: the groups that are concerned, or nothing. */
  abstract Optional<String> applies(RolloutState state);

  private static Optional<String> names(List<Group> groups, Predicate<Group> concerned) {
    var names = groups.stream().filter(concerned).map(Group::name).toList();
    return names.isEmpty()
        ? Optional.empty()
        : Optional.of(names.stream().sorted().collect(Collectors.joining(", ", " ", "")));
  }

  /** The first cause that applies, as part of a sentence: {@code workers are changed in a100}. */
  static Optional<String> first(RolloutState state) {
    for (var check : values()) {
      var concerned = check.applies(state);
      if (concerned.isPresent()) {
        return concerned.map(groups -> check.text + groups);
      }
    }
    return Optional.empty();
  }
}
