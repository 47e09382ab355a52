// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator;

import io.javaoperatorsdk.operator.api.config.LeaderElectionConfiguration;
import io.javaoperatorsdk.operator.api.config.LeaderElectionConfigurationBuilder;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;

/**
 * One of the operator's pods works, the others stand by: the one that holds the Lease {@link
 * Labels#OPERATOR}. A container that is started again in its pod keeps it, since the pod's name is
 * its identity.
 */
final class Leadership {
  @Produces
  @Singleton
  LeaderElectionConfiguration election(OperatorConfig config) {
    return LeaderElectionConfigurationBuilder.aLeaderElectionConfiguration(Labels.OPERATOR)
        .withLeaseNamespace(config.namespace())
        .build();
  }
}
