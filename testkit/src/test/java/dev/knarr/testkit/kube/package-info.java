// SPDX-License-Identifier: Apache-2.0
/** Tests of the launcher. */
@NullMarked
package dev.knarr.testkit.kube;

import org.jspecify.annotations.NullMarked;
